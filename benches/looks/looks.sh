# A look and a wake in sh, for benches/looks/main.rs. The third word is the command that looks.
. "$STOPCTL_SH"
if [ "$1" = 0 ]; then
    echo ready
    keep_sleeping 3600
    echo awake
    exit
fi
rounds=$2
while [ "$rounds" -gt 0 ]; do
    rounds=$((rounds - 1))
    looks=$1
    echo begin
    while [ "$looks" -gt 0 ]; do
        $3
        looks=$((looks - 1))
    done
    echo end
done
