# What npm brings to a test, pinned by package-lock.json, in a folder of the build. Read by run.sh
# of the folders beside it. No install script of a package is run. What is missing ends the caller
# with "SKIP: reason" and exit status 77.

skip() {
    echo "SKIP: $1"
    exit 77
}

# node of this age, and npm.
npm_need() {
    if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        skip "no node and npm"
    fi
    if [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
        skip "node is older than 18"
    fi
}

# usage: npm_install FOLDER_OF_THE_LOCK WORK_FOLDER SECONDS WHAT [NPM_OPTION…]. Nothing is fetched
# again while the lock stays what it is.
npm_install() {
    npm_from=$1 npm_work=$2 npm_seconds=$3 npm_what=$4
    shift 4
    npm_need
    if ! cmp -s "$npm_from/package-lock.json" "$npm_work/installed.json"; then
        rm -rf "$npm_work"
        mkdir -p "$npm_work"
        cp "$npm_from/package.json" "$npm_from/package-lock.json" "$npm_work/"
        if ! (cd "$npm_work" && timeout "$npm_seconds" npm ci "$@" --ignore-scripts --no-audit \
            --no-fund --loglevel=error >npm.log 2>&1); then
            skip "npm cannot fetch $npm_what (no network?)"
        fi
        cp "$npm_from/package-lock.json" "$npm_work/installed.json"
    fi
}

# The same with a node of a chain among it: sets and exports LUCID_ANVIL.
# usage: npm_install_anvil FOLDER_OF_THE_LOCK WORK_FOLDER SECONDS
npm_install_anvil() {
    if [ "$(uname -m)" != x86_64 ]; then
        skip "the pinned node is for x86_64, this is $(uname -m)"
    fi
    npm_install "$1" "$2" "$3" "anvil and the x402 client"
    LUCID_ANVIL=$2/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
    if ! "$LUCID_ANVIL" --version >/dev/null 2>&1; then
        skip "anvil does not run here"
    fi
    export LUCID_ANVIL
}
