// Package stopctl 0.1.0 is the stop flag of stopctl(1), for workers in Go 1.19 and later.
//
// Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7). One file, the standard library only.
//
//	stop := stopctl.FromEnv()
//	for !stop.IsSet() {
//		onePieceOfWork()
//	}
//
//	ctx, cancel := stop.Context(context.Background()) // for what takes a context
//	defer cancel()
//
// Importing does nothing. Without a supervisor the flag stays down. A Flag may be used by any
// number of goroutines. The first one that waits starts one goroutine, which waits for a descriptor,
// an inotify(7) instance on the flag, as others wait for sockets: it needs no thread. Where there is
// none to be had (a user may have 128 of them), it sleeps for 50 ms at a time.
//
// If somebody truncates the file to nothing (only its owner and root can), a look, IsSet, ends the
// process with SIGBUS, which Go cannot recover from. Waiting and Request notice that and take it as
// a stop; from then on a look is safe too.
package stopctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	length = 64
	// lookAgain is the longest sleep, as the contract wants it.
	lookAgain = time.Second
	// lookAgainUnwatched is the same if nothing wakes us.
	lookAgainUnwatched = 50 * time.Millisecond
	// notFinished is EX_TEMPFAIL of <sysexits.h>.
	notFinished = 75
	// ownerDied is FUTEX_OWNER_DIED: the thread that enforces the ladder is dead.
	ownerDied = 1 << 30
	// copies is how often the text is copied until two agree: the owner may be writing it.
	copies = 8
)

var down, raised = constant("0\n\n\n"), constant("1   ")

// own is what FromEnv has opened, and whether it has warned that something cannot be used.
var own struct {
	sync.Mutex
	flag   *Flag
	warned bool
}

// errNoFlag is the error for a file without a first byte, or for something that is not a file.
var errNoFlag = errors.New("it is not a file with text")

// Flag is the stop flag of this worker.
type Flag struct {
	path    string
	word    atomic.Pointer[uint32] // what a look loads: the flag's first word, or a constant
	mapped  *uint32                // nil: not supervised
	file    *os.File               // all but a look reads the file: that cannot die of SIGBUS
	owner   *os.File               // nil: cannot be read
	watch   sync.Once
	stopped chan struct{}
}

// Request is what a raised flag says. It is an error, so that it can be the cause of a context
// that was cancelled: errors.Is(request, context.Canceled).
type Request struct {
	Level        byte      // '1' stop, '2' SIGTERM is being used, '3' SIGKILL, '-' not known; others may come
	Reason       string    // "user", "timeout", ...; empty if not known
	Nanoseconds  uint64    // when the next rung comes, on CLOCK_MONOTONIC; 0: there is no such time
	DeadlineUnix time.Time // the same by the calendar, to the second; zero: there is no such time
}

func (r *Request) Error() string {
	if r.Reason == "" {
		return "a stop was asked for"
	}
	return "a stop was asked for: " + r.Reason
}

// Is makes a Request match the error that code expects of a context that is done.
func (r *Request) Is(target error) bool { return target == context.Canceled }

// FromEnv is the flag that STOPCTL_FLAG names, which the first call opens and all later ones share.
// If the variable is not set or is empty, it is a flag that stays down; also if what it names cannot
// be used, with one line on standard error.
func FromEnv() *Flag {
	path := os.Getenv("STOPCTL_FLAG")
	if path == "" {
		return Unsupervised()
	}
	own.Lock()
	defer own.Unlock()
	if own.flag != nil && own.flag.path == path {
		return own.flag
	}
	flag, err := Open(path)
	if err == nil {
		own.flag = flag
		return flag
	}
	if !own.warned {
		own.warned = true
		var inner *os.PathError
		if errors.As(err, &inner) {
			err = inner.Err // the path is told once, and cut
		}
		fmt.Fprintf(os.Stderr, "stopctl: the flag %.200s cannot be used (%v); running unsupervised\n", path, err)
	}
	return Unsupervised()
}

// Unsupervised is a flag that stays down.
func Unsupervised() *Flag {
	flag := &Flag{stopped: make(chan struct{})}
	flag.word.Store(down)
	return flag
}

// Open is the flag at path. It stays open until the process ends.
func Open(path string) (*Flag, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	page, err := syscall.Mmap(int(file.Fd()), 0, length, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, err
	}
	flag := Unsupervised()
	flag.path = path
	flag.file = file
	flag.mapped = (*uint32)(unsafe.Pointer(&page[0]))
	flag.word.Store(flag.mapped)
	// If it cannot be read, only the flag counts.
	flag.owner, _ = openRegular(filepath.Join(filepath.Dir(path), "owner"))
	return flag, nil
}

// IsSupervised tells whether a supervisor gave us this flag.
func (f *Flag) IsSupervised() bool { return f.mapped != nil }

// IsSet is a look: whether to stop. One load of the flag, and nothing else.
func (f *Flag) IsSet() bool { return !isDown(atomic.LoadUint32(f.word.Load())) }

// Done is closed when the worker should stop, because the flag was raised or the supervisor died.
func (f *Flag) Done() <-chan struct{} {
	if f.IsSupervised() {
		f.watch.Do(func() { go f.sleep() })
	}
	return f.stopped
}

// Wait sleeps until the worker should stop, because the flag was raised or the supervisor died, and
// returns true; or sleeps for this long, and returns false.
func (f *Flag) Wait(timeout time.Duration) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	if f.mustStop() {
		return true
	}
	select {
	case <-f.Done():
		return true
	case <-timer.C:
		return false
	}
}

// AsSignal sends this process a signal, once, when the worker should stop: for a program that already
// ends well by one that it gives to signal.Notify, SIGTERM for example.
func (f *Flag) AsSignal(signal syscall.Signal) {
	if !f.IsSupervised() {
		return
	}
	go func() {
		<-f.Done()
		syscall.Kill(os.Getpid(), signal)
	}()
}

// Leave ends the process when it was asked to stop and has work left, with the status 75
// (EX_TEMPFAIL). As os.Exit, it runs no deferred function.
func Leave() { os.Exit(notFinished) }

// Context is a context that is done when parent is, when the worker should stop, or when cancel is
// called. After a stop, its Err is a *Request; so is, from Go 1.20 on, context.Cause of it and of its
// descendants.
func (f *Flag) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	stopping := &stopContext{Context: parent, done: make(chan struct{})}
	cancelled := make(chan struct{})
	go func() {
		defer close(stopping.done)
		select {
		case <-f.Done():
			request, _ := f.Request()
			stopping.end(&request)
		case <-parent.Done():
			stopping.end(parent.Err())
		case <-cancelled:
			stopping.end(context.Canceled)
		}
	}()
	var once sync.Once
	return stopping, func() {
		once.Do(func() { close(cancelled) })
		<-stopping.done
	}
}

// stopContext has the values and the deadline of its parent, and its own end.
type stopContext struct {
	context.Context
	done chan struct{}
	lock sync.Mutex
	err  error
}

func (c *stopContext) end(err error) {
	c.lock.Lock()
	c.err = err
	c.lock.Unlock()
}

func (c *stopContext) Done() <-chan struct{} { return c.done }

func (c *stopContext) Err() error {
	select {
	case <-c.done:
		c.lock.Lock()
		defer c.lock.Unlock()
		return c.err
	default:
		return nil
	}
}

// Request is what the flag says, and whether the worker should stop at all. If the supervisor died
// without raising the flag, that is a request with the reason "lost".
func (f *Flag) Request() (Request, bool) {
	if !f.mustStop() {
		return Request{}, false
	}
	last := f.text()
	for n := 1; n < copies; n++ {
		next := f.text()
		if bytes.Equal(next, last) {
			break
		}
		last = next
	}
	if len(last) == 0 { // cut to nothing
		return Request{Level: '-'}, true
	}
	if last[0] == '0' { // down all the same: nobody is left to raise it
		return Request{Level: '1', Reason: "lost"}, true
	}
	return parse(last), true
}

func parse(text []byte) Request {
	request := Request{Level: text[0]}
	var line string
	if len(text) > 4 {
		line, _, _ = strings.Cut(string(text[4:]), "\n")
	}
	words := append(strings.Split(line, " "), "", "")
	if len(words[0]) <= 16 && words[0] != "-" && strings.Trim(words[0], "abcdefghijklmnopqrstuvwxyz0123456789-") == "" {
		request.Reason = words[0]
	}
	request.Nanoseconds, _ = number(words[1])
	if seconds, ok := number(words[2]); ok {
		request.DeadlineUnix = time.Unix(int64(seconds), 0)
	}
	return request
}

func number(word string) (uint64, bool) {
	value, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0, false // ParseUint answers the largest number for one that is too large
	}
	return value, true
}

func (f *Flag) text() []byte {
	text := make([]byte, length)
	n, _ := f.file.ReadAt(text, 0)
	return text[:n]
}

// mustStop tells that it is time to stop, because of the flag, its file, or the owner word. From then
// on every look says so too.
func (f *Flag) mustStop() bool {
	if !f.IsSupervised() {
		return false
	}
	if f.word.Load() == raised {
		return true
	}
	var level [1]byte
	n, _ := f.file.ReadAt(level[:], 0)
	if n == 0 || level[0] != '0' || f.isLost() {
		f.word.Store(raised)
		return true
	}
	return false
}

func (f *Flag) isLost() bool {
	if f.owner == nil {
		return false
	}
	var owner [4]byte
	n, _ := f.owner.ReadAt(owner[:], 0)
	return n == len(owner) && *(*uint32)(unsafe.Pointer(&owner))&ownerDied != 0
}

// sleep closes stopped when it is time to stop.
func (f *Flag) sleep() {
	defer close(f.stopped)
	// The watch is there before the first look, so that nothing happens unnoticed in between.
	watch := f.openWatch()
	if watch != nil {
		defer watch.Close()
	}
	events := make([]byte, 512)
	for !f.mustStop() {
		if watch == nil || watch.SetReadDeadline(time.Now().Add(lookAgain)) != nil {
			time.Sleep(lookAgainUnwatched)
			continue
		}
		if _, err := watch.Read(events); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			watch.Close()
			watch = nil
		}
	}
}

// openWatch is an inotify(7) instance that becomes readable when the flag is written, or when the
// supervisor dies, which keeps it open for writing; nil if there is none to be had. The runtime waits
// for it, with whatever else the program waits for. Its calls and constants are numbers because their
// names do not exist on every system, and this is one file for all.
func (f *Flag) openWatch() *os.File {
	const (
		modify, closeWrite    = 0x2, 0x8
		closeOnExec, nonBlock = 0x80000, 0x800
	)
	create, add := inotifyCalls()
	if create == 0 {
		return nil
	}
	fd, _, failed := syscall.Syscall(create, closeOnExec|nonBlock, 0, 0)
	if failed != 0 {
		return nil
	}
	watch := os.NewFile(fd, "inotify")
	name := append([]byte(f.path), 0)
	_, _, failed = syscall.Syscall(add, fd, uintptr(unsafe.Pointer(&name[0])), modify|closeWrite)
	if failed != 0 {
		watch.Close()
		return nil
	}
	return watch
}

// inotifyCalls are the numbers of inotify_init1(2) and inotify_add_watch(2), or 0 if they are not known.
func inotifyCalls() (create, add uintptr) {
	if runtime.GOOS != "linux" {
		return 0, 0
	}
	switch runtime.GOARCH {
	case "amd64":
		return 294, 254
	case "386":
		return 332, 292
	case "arm":
		return 360, 317
	case "arm64", "riscv64", "loong64":
		return 26, 27
	case "ppc64", "ppc64le":
		return 318, 276
	case "s390x":
		return 324, 285
	default:
		return 0, 0
	}
}

func openRegular(path string) (*os.File, error) {
	// O_NONBLOCK: a FIFO of that name must not make us wait.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	status, err := file.Stat()
	if err == nil && (!status.Mode().IsRegular() || status.Size() == 0) {
		err = errNoFlag
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func constant(text string) *uint32 {
	var word uint32
	copy((*[4]byte)(unsafe.Pointer(&word))[:], text)
	return &word
}

// isDown checks the first byte in memory.
func isDown(word uint32) bool { return *(*byte)(unsafe.Pointer(&word)) == '0' }
