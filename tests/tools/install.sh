#!/bin/sh
# Installs what some tests run beside the exporter: Prometheus with promtool, Alertmanager with amtool, Chromium.
# As root on Debian it installs what is missing; elsewhere it says what is, and those tests are skipped.
set -eu

POLICY=/usr/sbin/policy-rc.d

has() { command -v "$1" >/dev/null; }

missing() {
    { has prometheus && has promtool; } || echo prometheus
    { has prometheus-alertmanager && has amtool; } || echo prometheus-alertmanager
    has chromium || echo chromium
}

# Debian starts a service as soon as it is installed; this file, which is asked first, says no (101).
forbid_services() {
    [ ! -e "$POLICY" ] || return 0
    trap 'rm -f "$POLICY"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

# Where systemd runs, they would also start with the machine.
disable_services() {
    has systemctl || return 0
    for package; do
        systemctl disable "$package.service" >/dev/null 2>&1 || true
    done
}

apt() {
    DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" </dev/null 2>&1
}

install() {
    forbid_services
    output=$(apt update && apt install --no-install-recommends "$@") || { echo "$output" >&2; return 1; }
    disable_services "$@"
}

packages=$(missing)
[ -n "$packages" ] || exit 0

# shellcheck disable=SC2086  # a word is a package
if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing" $packages
    install $packages || echo "apt-get could not install them" >&2
    packages=$(missing)
fi

if [ -n "$packages" ]; then
    echo "missing:" $packages
    echo "tests that need them are skipped; on Debian: sudo apt-get install --no-install-recommends" $packages
fi
