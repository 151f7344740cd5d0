# What demos share: a folder for their database that is gone afterwards, and commands that are shown.

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
export XDG_STATE_HOME="$folder" QPLUG_CONFIG=/dev/null

say() {
    printf '\n# %s\n' "$*"
}

run() {
    printf '$ qplug'
    printf ' %s' "$@"
    printf '\n'
    qplug "$@"
}
