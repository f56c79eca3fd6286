# One piece of work, for children of a worker: they inherit its flag.
#
#   stopctl run -- make -j 4 -f Makefile
#   stopctl run -- sh -c 'seq 100 | xargs -n 1 -P 4 sh piece.sh'
#
# make starts nothing more once a piece has failed, xargs once one has ended with 255. Pieces that
# have begun leave when they see the flag; nobody has to be sent a signal.
set -eu
. "${0%/*}/../stopctl.sh"

keep_going || exit 255
echo "begun: $1"
if ! keep_sleeping "${PIECE_SECONDS:-30}"; then # in the place of work
    echo "left: $1"
    exit 255
fi
echo "done: $1"
