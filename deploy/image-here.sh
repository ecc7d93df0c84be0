#!/bin/sh
# Builds the image of deploy/Containerfile where no registry of images is at hand, runs it, and stops it.
# The base image is made of Debian's own packages (the same Python) under the name that the Containerfile asks for; the build
# runs in a chroot, so that neither a daemon nor user namespaces are needed. As root, with buildah, mmdebstrap, curl and iproute2:
#   deploy/image-here.sh FOLDER [options of buildah build, as --volume for a package mirror's settings]
# BUILT=1 takes the image that was built before. FOLDER keeps the images (some 8 GB); PORT 8000 is that of a network of its own. Says "seen" at the end, or fails at the first fault.
set -eu
folder=${1:?Usage: deploy/image-here.sh FOLDER [options of buildah build]}
shift
cd "$(dirname "$0")/.."
base=$(sed -n 's/^FROM \(\S*\) AS build$/\1/p' deploy/Containerfile)
mkdir -p "$folder"
engine() { buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs "$@"; }

echo "== the base: $base"
if ! engine inspect --type image "$base" > "$folder/base.json" 2> /dev/null; then
    [ -e "$folder/base.tar" ] || mmdebstrap --quiet --variant=apt \
        --include=python3,python3-venv,python-is-python3,ca-certificates bookworm "$folder/base.tar" \
        /etc/apt/sources.list.d/debian.sources
    made=$(engine from scratch)
    engine add --quiet "$made" "$folder/base.tar" /
    # what this machine trusts, where packages come by way of a mirror of its own
    engine copy --quiet "$made" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
    engine config --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt --cmd bash "$made"
    engine commit --quiet --rm "$made" "$base"
fi

echo "== the build"
[ -n "${BUILT-}" ] || engine build --isolation chroot --format docker --pull-never "$@" -f deploy/Containerfile -t dunwell .

echo "== a workspace, as the image's own user"
container=$(engine from --pull-never dunwell)
trap 'engine rm "$container" > "$folder/removed"' EXIT
# /workspace is the image's own volume here; it goes with the container
inside() { engine run --isolation chroot "$container" -- "$@"; }
inside dunwell init /workspace
inside dunwell evidence keys
inside dunwell run --tape tape/ --as-of 2026-11-23

echo "== the office: the image's CMD and HEALTHCHECK in a network of its own"
cmd=$(engine inspect --type image --format '{{range .Docker.Config.Cmd}}{{.}} {{end}}' dunwell)
check=$(engine inspect --type image --format '{{index .Docker.Config.Healthcheck.Test 3}}' dunwell)
export folder container cmd check
unshare --net sh -eu <<'INSIDE'
ip link set lo up
engine() { buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs "$@"; }
inside() { engine run --isolation chroot --network host "$container" -- "$@"; }
inside sh -c "echo \$\$ > /workspace/pid; exec $cmd" < /dev/null &
office=$!
trap 'kill -TERM "$(inside cat /workspace/pid)"' EXIT
until curl -fsS http://127.0.0.1:8000/ready 2> /dev/null; do
    kill -0 "$office"
    sleep 1
done
curl -fsS http://127.0.0.1:8000/health
inside python -c "$check"
kill -TERM "$(inside cat /workspace/pid)"
trap - EXIT
wait "$office"
INSIDE
echo "== seen: built, ready, healthy, stopped with 0"
