#!/bin/sh
# Real bridges, rules, dnsmasq and DHCP clients in network namespaces: `make demo-linux`. Without
# root where user namespaces are allowed; all of it is in namespaces that end with this.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

lacks() {
    echo "make demo-linux needs $1" >&2
    exit 1
}

if [ "${1:-}" != inside ]; then
    PATH=$PATH:/usr/sbin:/sbin
    export PATH
    for need in ip:iproute2 nft:nftables dnsmasq:dnsmasq-base udhcpc:udhcpc ping:iputils-ping \
        unshare:util-linux setpriv:util-linux; do
        command -v "${need%%:*}" >/dev/null || lacks "${need%%:*}; on Debian: apt-get install ${need##*:}"
    done
    spaces='--net --mount --pid --fork --kill-child --mount-proc --propagation private'
    # shellcheck disable=SC2086
    if unshare --user --map-root-user $spaces true 2>/dev/null; then
        exec unshare --user --map-root-user $spaces sh "$here/linux.sh" inside
    elif unshare $spaces true 2>/dev/null; then
        exec unshare $spaces sh "$here/linux.sh" inside
    fi
    lacks 'namespaces: user namespaces are not allowed here (kernel.unprivileged_userns_clone, or AppArmor); run it as root'
fi

mount -t tmpfs tmpfs /run
mkdir /run/netns
. "$here/running.sh"
chmod 755 "$folder"

alice1=00000000-0000-4000-8000-000000000001
alice2=00000000-0000-4000-8000-000000000002
bob1=00000000-0000-4000-8000-000000000003

cat >"$folder/linux.conf" <<END
[DEFAULT]
state_path = $folder/state
[l3]
driver = linux
mtu = 1450
[dhcp]
driver = dnsmasq
[dhcp_dnsmasq]
networks_path = $folder/dnsmasq
END
export QPLUG_CONFIG="$folder/linux.conf"

cat >"$folder/client" <<'END'
#!/bin/sh
# What udhcpc calls with what it was told.
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
[ -z "${mtu:-}" ] || ip link set "$interface" mtu "$mtu"
[ -z "${router:-}" ] || ip route add default via "$router"
END
chmod 755 "$folder/client"

# shown COMMAND ...: run something else than qplug, and show it.
shown() {
    printf '$'
    printf ' %s' "$@"
    printf '\n'
    "$@"
}

# fails COMMAND ...: go on only if it fails.
fails() {
    ! shown "$@"
}

boots() {
    shown ip netns exec "$1" udhcpc -q -n -f -t 5 -T 1 -i eth0 -O mtu -s "$folder/client"
    ip -n "$1" -4 -brief addr show dev eth0
}

say 'The world: a namespace behind pub0, with one address, that knows no way to our networks.'
ip link set lo up
ip netns add world
ip link add pub0 type veth peer name eth0 netns world
ip addr add 203.0.113.1/24 dev pub0
ip link set pub0 up
ip -n world addr add 203.0.113.100/24 dev eth0
ip -n world link set eth0 up
ip -brief addr show dev pub0

say 'Two networks of two projects, and three instances.'
run network create alice-net --project alice --cidr 10.20.0.0/24 --cidr 2001:db8:20::/64 -f value -c label
run network create bob-net --project bob --cidr 10.21.0.0/24 -f value -c label
run instance allocate $alice1 --project alice
run instance allocate $alice2 --project alice
run instance allocate $bob1 --project bob

say 'Each is plugged into a network namespace, which stands for a container.'
for vm in alice1 alice2 bob1; do
    ip netns add $vm
    eval uuid=\$$vm
    run vif plug "$(qplug vif list "$uuid" -f value -c id)" --netns $vm -f value -c device
done

say 'Real DHCP clients get exactly what was allocated.'
boots alice1
boots alice2
boots bob1
run dhcp leases alice-net
for vm in alice1 alice2 bob1; do
    eval uuid=\$$vm
    address=$(qplug fixed-ip list --instance "$uuid" -f value -c address | grep -v :)
    ip -n $vm -4 -brief addr show dev eth0 | grep -q " $address/24 "
done

say 'They reach the world, which sees the host: NAT.'
shown ip netns exec alice1 ping -c 1 -W 2 203.0.113.100
shown ip netns exec bob1 ping -c 1 -W 2 203.0.113.100

say 'Neighbours reach each other, and other networks nobody.'
neighbour=$(qplug fixed-ip list --instance $alice2 -f value -c address | grep -v :)
shown ip netns exec alice1 ping -c 1 -W 2 "$neighbour"
fails ip netns exec bob1 ping -c 1 -W 1 "$neighbour"

say "An instance that takes its neighbour's address is not heard."
ip -n alice1 addr add 10.20.0.99/24 dev eth0
fails ip netns exec alice1 ping -c 1 -W 1 -I 10.20.0.99 "$neighbour"
nft list chain bridge qplug_ps arp_in
nft list chain bridge qplug_ps ip4_in
nft list table bridge qplug_ps | grep -q 'counter packets [1-9]'

say 'The host loses its rules, a bridge and a dnsmasq; an audit sees it and repairs it.'
nft flush ruleset
ip link delete "$(ip -o link show type bridge | sed -n 's/^[0-9]*: \([^:]*\):.*/\1/p' | head -n 1)"
pkill -9 dnsmasq 2>/dev/null || kill -9 "$(cat "$folder"/dnsmasq/*/pid | head -n 1)"
ends=0
run audit || ends=$?
test $ends = 3
run audit --repair
run audit
shown ip netns exec bob1 ping -c 1 -W 2 203.0.113.100

say 'Everything back, and nothing is left on the host.'
run instance deallocate $alice1 $alice2 $bob1
run network delete alice-net
run network delete bob-net
run audit
ip -brief link
test -z "$(ip -o link show type bridge)"
! nft list ruleset | grep elements
test -z "$(ls "$folder/dnsmasq")"

say "Nothing is left. That was in namespaces of its own, which end now."
