#!/usr/bin/perl
# Answers the questions of tests/languages/conformance.rs in a language that has no client: written from
# stopctl-flag(7) alone, to show that the page is enough. Perl has no mmap of its own: it reads.
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_NOFOLLOW O_NONBLOCK);
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

use constant OWNER_DIED => 1 << 30;

my $path = $ENV{STOPCTL_FLAG} // '';
my ($flag, $owner, $stopped);

sub open_regular {
    my ($name) = @_;
    sysopen(my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) or return;
    return -f $file && -s $file ? $file : undef;
}

sub read_from_start {
    my ($file, $length) = @_;
    my $bytes = '';
    sysseek($file, 0, 0);
    sysread($file, $bytes, $length);
    return $bytes;
}

# "Run while the first byte is the character 0." A file that was cut has none.
sub is_set { return $stopped || $flag && read_from_start($flag, 1) ne '0' }

# What a client that waits has to look at; "later changes of the word do not undo this".
sub must_stop {
    return 0 if !$flag;
    return 1 if is_set();
    return 0 if !$owner;
    my $word = read_from_start($owner, 4);
    $stopped = 1 if length $word == 4 && unpack('L', $word) & OWNER_DIED;
    return $stopped;
}

sub wait_for {
    my ($milliseconds) = @_;
    my $end = clock_gettime(CLOCK_MONOTONIC) + $milliseconds / 1000;
    until (must_stop()) {
        my $left = $end - clock_gettime(CLOCK_MONOTONIC);
        return 'timeout' if $left <= 0;
        sleep($left < 0.05 ? $left : 0.05);
    }
    return 'stop';
}

sub request {
    return 'none' if !must_stop();
    my $text = read_from_start($flag, 64);
    for (2 .. 8) {
        my $next = read_from_start($flag, 64);
        last if $next eq $text;
        $text = $next;
    }
    return '- - -' if $text eq '';
    return '1 lost -' if $text =~ /^0/;
    my $level = substr $text, 0, 1;
    my ($line) = length $text > 4 ? substr($text, 4) =~ /^([^\n]*)/ : ('');
    my ($reason, $deadline) = split / /, $line, -1;
    $reason = '-' if ($reason // '') !~ /^[a-z0-9-]{1,16}$/;
    $deadline = '-' if ($deadline // '') !~ /^[0-9]+$/;
    return "$level $reason $deadline";
}

if ($path ne '') {
    $flag = open_regular($path);
    (my $directory = $path) =~ s{[^/]*$}{};
    $owner = open_regular($directory . 'owner') if $flag;
    printf STDERR "the flag %.200s cannot be used; running unsupervised\n", $path if !$flag;
}

$| = 1;
while (my $question = <STDIN>) {
    chomp $question;
    my $answer =
        $question eq 'supervised' ? ($flag ? 'yes' : 'no')
      : $question eq 'look'       ? (is_set() ? 'stop' : 'run')
      : $question eq 'request'    ? request()
      :                             wait_for($question =~ /^wait (\d+)/);
    print "$answer\n";
}
