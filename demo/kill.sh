#!/bin/sh
# A command that is killed half-way, and how all that it left is put right: `make demo-kill`.
set -eu
. "$(dirname "$0")/running.sh"

lives=00000000-0000-4000-8000-000000000001
dies=00000000-0000-4000-8000-000000000002

# ends_with CODE COMMAND ...: run it, and go on only if it leaves with that code.
ends_with() {
    wanted=$1
    shift
    ended=0
    "$@" || ended=$?
    test $ended = $wanted
    printf '(exit code %s)\n' $ended
}

# kill_after PORTS ARGUMENT ...: run qplug, and have it killed once it has made so many ports.
kill_after() {
    ports=$1
    shift
    printf '$ qplug'
    printf ' %s' "$@"
    printf '   # is killed when it has %s of its ports\n' "$ports"
    python "$(dirname "$0")/killed.py" "$ports" "$@"
}

say 'Four networks, and an instance that has a vif on each.'
for n in 1 2 3 4; do
    run network create net-$n --project alice --cidr 10.20.$n.0/24 --cidr fd00:10:20:$n::/64 -f value -c label
done
run instance allocate $lives --project alice

say 'Another one is on its way when its process is killed: addresses and ports of three networks are taken.'
ends_with 137 kill_after 3 instance allocate $dies --project alice

say 'It is in no list, but nothing of it is forgotten: it is pending work, and a difference to the audit.'
run instance list
run pending list
run network usage -c network -c cidr -c used
ends_with 3 run audit

say 'Repaired. The next command that changes anything would have done the same by itself.'
run audit --repair
run audit
run network usage -c network -c cidr -c used

say 'Killed again. Whoever repeats the command at once needs no repair and waits for nothing.'
ends_with 137 kill_after 2 instance allocate $dies --project alice
run instance allocate $dies --project alice
run audit
run fixed-ip list -c address -c instance_id

say 'Should the last thing that a dead process sent arrive late: a later command releases its vifs once more.'
run pending list -c kind -c id -c state -c due

say "Nothing was lost, leaked or given twice. That was SQLite in $folder, which is removed now."
