#!/bin/sh
# The operators' command line from a clone, from any folder and through links: makes the Python environment where there
# is none, and ends with the exit code of the command.
here=$0
while [ -L "$here" ]; do
    target=$(readlink "$here")
    case $target in
        /*) here=$target ;;
        *) here=$(dirname "$here")/$target ;;
    esac
done
root=$(CDPATH='' cd "$(dirname "$here")" && pwd -P) || exit 3
[ -e "$root/.venv/.ready" ] || make -s -C "$root" .venv/.ready >&2 || exit 3
# Neither the folder of the caller nor the environment of `az` is to change.
exec "$root/.venv/bin/python" -P -c \
    'import sys; sys.path.insert(0, sys.argv.pop(1)); from p2c.__main__ import main; main()' "$root" "$@"
