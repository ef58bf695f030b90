#!/bin/sh
# Installs, upgrades or removes the station as a service.
#
#     deploy/install.sh install|uninstall [--without-environment]
#
# PREFIX (/opt/qc-station) gets releases/VERSION with the programs and their environment, the link `current`
# to the one in use, qc.toml and the folder `station` with all data. Twice is once: a release that is there
# is not built again. An upgrade builds beside the old release and changes the link at the end, so that a
# power cut leaves the old or the new one. Neither an upgrade nor an uninstall touches qc.toml and `station`.
# --without-environment leaves out the Python environment, for who packages that another way.
set -eu

PREFIX=${PREFIX:-/opt/qc-station}
UNITS=${UNITS:-/etc/systemd/system}
PYTHON=${PYTHON:-$(command -v python3.11 || command -v python3.12 || echo python3)}
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
UNIT=qc-daemon.service
PARTS="instruments models qc_daemon reports storage deploy docs pyproject.toml requirements.lock README.md"

fail() {
    echo "install.sh: $1" >&2
    exit 2
}

require_writable() {
    mkdir -p "$PREFIX" "$UNITS" 2>/dev/null || fail "cannot write $PREFIX and $UNITS; expected to be run as root"
    [ -w "$PREFIX" ] && [ -w "$UNITS" ] || fail "cannot write $PREFIX and $UNITS; expected to be run as root"
}

# What is installed is named after its content, caches excepted.
version() {
    (cd "$SOURCE" && find $PARTS -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -c1-16)
}

# Or into a folder: for packages and tests.
for_this_computer() {
    [ "$(id -u)" = 0 ] && [ "$UNITS" = /etc/systemd/system ]
}

add_user() {
    for_this_computer || return 0
    id qc >/dev/null 2>&1 || useradd --system --home-dir "$PREFIX" --shell /usr/sbin/nologin qc
}

build() {
    release=$1
    rm -rf "$release.partial"
    mkdir -p "$release.partial"
    (cd "$SOURCE" && tar --exclude=__pycache__ -cf - $PARTS) | tar -xf - -C "$release.partial"
    rm -rf "$release" # left by an install that was interrupted
    mv "$release.partial" "$release"
    if [ "$environment" = yes ]; then
        "$PYTHON" -m venv "$release/.venv"
        "$release/.venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            -r "$release/requirements.lock"
        "$release/.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
            -e "$release"
    fi
    touch "$release/.complete"
}

make_configuration() {
    [ -e "$PREFIX/qc.toml" ] && return 0
    sed "s|^folder = .*|folder = \"$PREFIX/station\"|" "$SOURCE/qc.example.toml" >"$PREFIX/qc.toml.partial"
    mv "$PREFIX/qc.toml.partial" "$PREFIX/qc.toml"
}

has_systemd() {
    [ -d /run/systemd/system ] && for_this_computer
}

install_station() {
    require_writable
    add_user
    release=$PREFIX/releases/$(version)
    [ -e "$release/.complete" ] || build "$release"
    make_configuration
    mkdir -p "$PREFIX/station"
    ! for_this_computer || chown qc:qc "$PREFIX/station"
    ln -sfn "$release" "$PREFIX/current.partial"
    mv -T "$PREFIX/current.partial" "$PREFIX/current"
    sed "s|@PREFIX@|$PREFIX|g" "$SOURCE/deploy/$UNIT" >"$UNITS/$UNIT"
    if has_systemd; then
        systemctl daemon-reload
        systemctl enable "$UNIT"
        # A station that inspects goes on with the new release; a new one waits for its configuration.
        systemctl try-restart "$UNIT"
    fi
    echo "installed in $PREFIX; edit $PREFIX/qc.toml, then: systemctl start qc-daemon"
}

uninstall_station() {
    require_writable
    if has_systemd && [ -e "$UNITS/$UNIT" ]; then
        systemctl disable --now "$UNIT"
    fi
    rm -f "$UNITS/$UNIT" "$PREFIX/current"
    rm -rf "$PREFIX/releases"
    ! has_systemd || systemctl daemon-reload
    echo "removed; $PREFIX/station and $PREFIX/qc.toml are kept"
}

environment=yes
[ "${2:-}" != --without-environment ] || environment=no
case "$PREFIX" in
/*) ;;
*) fail "PREFIX=$PREFIX: expected an absolute path" ;;
esac
case "${1:-}" in
install) install_station ;;
uninstall) uninstall_station ;;
*) fail "expected install or uninstall" ;;
esac
