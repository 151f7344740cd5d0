#!/bin/sh
# The main job from beginning to end, on SQLite in a folder that is gone afterwards: `make demo`.
set -eu

. "$(dirname "$0")/running.sh"

web1=00000000-0000-4000-8000-000000000001
web2=00000000-0000-4000-8000-000000000002
shop=00000000-0000-4000-8000-000000000003

say 'Networks: one for each of two projects, and a global one that both can use; IPv4 and IPv6.'
run network create alice-net --project alice --cidr 10.20.0.0/24 --cidr fd00:10:20::/64 --dns 192.0.2.53
run network create bob-net --project bob --cidr 10.20.0.0/24 --cidr fd00:10:30::/112 \
    --pool 10.20.0.100-10.20.0.199 --reserve 10.20.0.100
run network create public --cidr 192.0.2.0/24 --cidr 2001:db8::/64 --priority 1
run network list

say 'Instances: without a word they get a vif on each network that their project can use.'
run instance allocate $web1 --project alice --name web-1
run instance allocate $web2 --project alice --name web-2 --network alice-net=10.20.0.77
run instance allocate $shop --project bob --name shop
run instance list

say 'A request again, as from a caller that lost the answer, gives the same answer.'
run instance allocate $web2 --project alice --name web-2 --network alice-net=10.20.0.77

say 'Who has what, and how full the subnets are.'
run fixed-ip list -c address -c instance_id -c mac
run network usage

say "Network info of web-1: what compute is given."
run instance show $web1 -f json

say "Projects are walls: bob sees its own network and the global one."
run --project bob network list -c label -c project_id -c subnets

say 'Store, IPAM and Quantum agree.'
run audit

say 'Everything back.'
run instance deallocate $web1 $web2 $shop
run fixed-ip list -c address -c instance_id -c mac
run network usage
run network delete alice-net
run network delete bob-net
run network delete public
run network list
test -z "$(qplug fixed-ip list -f value)$(qplug instance list -f value)$(qplug network list -f value)"

say 'Nor is anything left in IPAM or Quantum.'
run audit

say "Nothing is left. That was SQLite in $folder, which is removed now."
