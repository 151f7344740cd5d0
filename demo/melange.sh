#!/bin/sh
# The main job with addresses and MACs of a Melange server, which stands in here: `make demo-melange`.
set -eu
. "$(dirname "$0")/running.sh"

web1=00000000-0000-4000-8000-000000000001
web2=00000000-0000-4000-8000-000000000002
shop=00000000-0000-4000-8000-000000000003

python -m qplug_ipam_melange.testing --port 0 --mac-range 02:16:3e:00:00:00/24 >"$folder/melange" &
melange=$!
trap 'kill $melange; wait $melange || true; rm -rf "$folder"' EXIT
until grep -q http "$folder/melange"; do
    kill -0 $melange
    sleep 0.1
done
url=$(grep -o 'http:[^ ]*' "$folder/melange")

cat >"$folder/qplug.conf" <<END
[ipam]
driver = melange
[mac]
driver = melange
[ipam_melange]
port = ${url##*:}
END
export QPLUG_CONFIG="$folder/qplug.conf"

# melange_has LIST PATH: show what the server itself has in a list.
melange_has() {
    printf 'GET %s/v0.1/ipam/%s\n' "$url" "$2"
    python "$(dirname "$0")/melange_has.py" "$url/v0.1/ipam/$2" "$1"
}

say "A Melange server, in memory, with a range of MAC addresses. $(cat "$folder/melange"), and qplug is told so."
sed 's/^/    /' "$folder/qplug.conf"
run driver check

say 'Networks: one for each of two projects, and a global one; each subnet is a block of Melange.'
run network create alice-net --project alice --cidr 10.20.0.0/24 --cidr fd00:10:20::/64
run network create bob-net --project bob --cidr 10.20.0.0/24 --pool 10.20.0.100-10.20.0.199
run network create public --cidr 192.0.2.0/24 --cidr 2001:db8::/64 --priority 1
run network list
melange_has ip_blocks tenants/alice/ip_blocks.json

say 'Instances: Melange gives each vif its MAC and its addresses, and none that is not for vifs.'
run instance allocate $web1 --project alice --name web-1
run instance allocate $web2 --project alice --name web-2 --network alice-net=10.20.0.77
run instance allocate $shop --project bob --name shop
run fixed-ip list -c address -c instance_id -c mac

say 'A request again, as from a caller that lost the answer, gives the same answer.'
run instance allocate $web2 --project alice --name web-2 --network alice-net=10.20.0.77

say 'What Melange keeps for alice.'
melange_has ip_addresses tenants/alice/allocated_ip_addresses.json

say "Network info of web-1: what compute is given."
run instance show $web1 -f json

say 'Store, Melange and Quantum agree.'
run audit

say 'Everything back.'
run instance deallocate $web1 $web2 $shop
run fixed-ip list -c address -c instance_id -c mac
run network delete alice-net
run network delete bob-net
run network delete public
test -z "$(qplug fixed-ip list -f value)$(qplug instance list -f value)$(qplug network list -f value)"

say 'Nor is anything left in Melange or Quantum.'
melange_has ip_addresses allocated_ip_addresses.json
run audit

say "Nothing is left. The server is stopped now, and $folder with the SQLite file is removed."
