#!/bin/bash
# Bring MicroPython's source to DIR. usage: get_micropython.sh DIR
# Tried in turn: MPY_DIR (a copy you have), the Debian or Ubuntu source package, the release archive.
# Each file has a pinned SHA-256. Nothing is left at DIR unless all of it is there.
set -euo pipefail

VERSION=1.26.1
DEST=${1:?usage: get_micropython.sh DIR}
RELEASE=https://github.com/micropython/micropython/releases/download/v$VERSION/micropython-$VERSION.tar.xz
RELEASE_SHA256=12be6514df6272c0fcb328122b534af6b12abdd52435c19f40ee1707cc43ac98
# version of the source package, SHA-256 of its untouched upstream archive (1.25.0: if a suite moved on)
PACKAGES="
1.26.1+ds-1 f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34
1.25.0+ds-1 7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
"

say() { echo "micropython: $*" >&2; }
usable() { [ -f "$1/py/dynruntime.mk" ] && [ -f "$1/ports/qemu/Makefile" ] && [ -f "$1/tools/mpy_ld.py" ]; }

if [ "$(cat "$DEST/.complete" 2>/dev/null)" = "$VERSION" ]; then touch "$DEST/.complete"; exit 0; fi
mkdir -p "$(dirname "$DEST")"
WORK=$(mktemp -d "$(realpath "$(dirname "$DEST")")/.micropython.XXXXXX")
trap 'rm -rf "$WORK"' EXIT INT TERM

check() { echo "$2  $1" | sha256sum --check --status || { say "$(basename "$1"): wrong SHA-256, not used"; return 1; }; }

# apt with its lists, cache and sources in WORK: the machine's own apt set-up is read, never changed.
own_apt() {
    apt-get -o Dir::Etc::sourcelist="$WORK/src.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$WORK/lists" -o Dir::Cache="$WORK/cache" -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none -qq "$@" >>"$WORK/apt.log" 2>&1
}

# The mirror the machine uses itself (deb822 file, else one-line file): prints "URI KEYRING".
mirror() {
    local f
    for f in /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
        [ -f "$f" ] && awk '/^URIs:/{u=$2} /^Signed-By:/{k=$2} u&&k{print u, k; exit}' "$f" && return
    done
    awk '$1=="deb"{sub(/\[[^]]*\] */,""); print $2, ""; exit}' /etc/apt/sources.list 2>/dev/null
}

suites() {
    # shellcheck disable=SC1091
    case "$(. /etc/os-release && echo "$ID")" in
        debian) echo sid forky trixie ;;
        ubuntu) echo "$(. /etc/os-release && echo "$VERSION_CODENAME")" ;;
    esac
}

from_apt() {
    command -v apt-get >/dev/null || return 1
    local uri key suite version sha component=main
    read -r uri key <<<"$(mirror)" || true
    [ -n "$uri" ] || return 1
    [[ "$uri" == *ubuntu* ]] && component="main universe"
    mkdir -p "$WORK/lists/partial" "$WORK/cache/archives/partial"
    for suite in $(suites); do
        { printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: %s\n' "$uri" "$suite" "$component"
          [ -z "$key" ] || echo "Signed-By: $key"; } > "$WORK/src.sources"
        own_apt update || continue
        while read -r version sha; do
            [ -n "$version" ] || continue
            (cd "$WORK" && own_apt source --download-only "micropython=$version") || continue
            check "$WORK/micropython_${version%-*}.orig.tar.xz" "$sha" || continue
            unpack "$WORK/micropython_${version%-*}.orig.tar.xz" && return
        done <<<"$PACKAGES"
    done
    return 1
}

from_release() {
    say "trying the release archive"
    curl --fail --silent --show-error --location --max-time 300 -o "$WORK/release.tar.xz" "$RELEASE" || return 1
    check "$WORK/release.tar.xz" "$RELEASE_SHA256" && unpack "$WORK/release.tar.xz"
}

unpack() {
    rm -rf "$WORK/tree" && mkdir "$WORK/tree"
    tar -C "$WORK/tree" --strip-components=1 -xf "$1" || return 1
    # Frozen manifests only look whether this file is there; the library itself is not used.
    mkdir -p "$WORK/tree/lib/micropython-lib" && touch "$WORK/tree/lib/micropython-lib/README.md"
    usable "$WORK/tree"
}

if [ -n "${MPY_DIR:-}" ]; then
    usable "$MPY_DIR" || { say "MPY_DIR=$MPY_DIR is no MicroPython source tree"; exit 1; }
    cp -a "$MPY_DIR" "$WORK/tree"
elif ! from_apt && ! from_release; then
    sed -n 's/^[EW]: /apt: /p' "$WORK/apt.log" 2>/dev/null | sort -u >&2 || true
    say "could not fetch MicroPython $VERSION, neither as a source package nor as the release archive."
    say "Unpack it yourself from $RELEASE and run: make setup MPY_DIR=/path/to/micropython-$VERSION"
    exit 1
fi
echo "$VERSION" > "$WORK/tree/.complete"
rm -rf "$DEST" && mv "$WORK/tree" "$DEST"
say "source in $DEST"
