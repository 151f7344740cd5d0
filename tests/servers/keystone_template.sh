#!/bin/sh
# keystone_template.sh ENVIRONMENT FOLDER: make a Keystone that has an administrator, for copies.
set -eu
bin=$(cd "$1/bin" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
mkdir -m 700 "$folder/fernet-keys" "$folder/credential-keys"
user=$(id -un)
group=$(id -gn)

# The folder is another one when it is copied, and the configuration is then written anew.
cat >"$folder/keystone.conf" <<END
[database]
connection = sqlite:///$folder/keystone.sqlite
[fernet_tokens]
key_repository = $folder/fernet-keys
[credential]
key_repository = $folder/credential-keys
[cache]
enabled = false
END

manage() {
    "$bin/keystone-manage" --config-file "$folder/keystone.conf" "$@"
}

manage db_sync
manage fernet_setup --keystone-user "$user" --keystone-group "$group"
manage credential_setup --keystone-user "$user" --keystone-group "$group"
manage bootstrap --bootstrap-password admin --bootstrap-region-id R1 \
    --bootstrap-admin-url http://127.0.0.1:1/v3 \
    --bootstrap-public-url http://127.0.0.1:1/v3 \
    --bootstrap-internal-url http://127.0.0.1:1/v3
rm "$folder/keystone.conf"
