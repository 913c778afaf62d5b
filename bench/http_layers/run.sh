#!/bin/sh
# Compares HTTP layers: requests per second and CPU per request (medians of interleaved rounds),
# then how each answers malformed requests. Needs wrk and python3.
#
# usage: run.sh FOLDER_OF_THE_BINARIES [ROUNDS [SECONDS]]
set -eu
folder=$1
rounds=${2:-5}
seconds=${3:-2}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; rm -rf "$scratch"' EXIT

cat > "$scratch/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = string.rep("x", 800)
LUA

port=18200
for name in ours evhttp mhd; do
    "$folder/layer_$name" $port &
    eval "pid_$name=$! port_$name=$port"
    pids="$pids $!"
    port=$((port + 1))
done
sleep 1

ticks() { # user and system time of a process
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

for round in $(seq "$rounds"); do
    for name in ours evhttp mhd; do
        eval "pid=\$pid_$name port=\$port_$name"
        for kind in get post; do
            before=$(ticks "$pid")
            if [ $kind = get ]; then
                wrk -t1 -c32 -d"${seconds}s" "http://127.0.0.1:$port/health"
            else
                wrk -t1 -c32 -d"${seconds}s" -s "$scratch/post.lua" \
                    "http://127.0.0.1:$port/receipts"
            fi > "$scratch/out"
            after=$(ticks "$pid")
            awk -v used=$((after - before)) -v hz="$(getconf CLK_TCK)" '
                /requests in/ { count = $1 }
                /Non-2xx|Socket errors/ { print "unexpected: " $0 > "/dev/stderr"; exit 1 }
                /Requests\/sec/ { printf "%d %.2f\n", $2, used / hz * 1e6 / count }
            ' "$scratch/out" >> "$scratch/$name.$kind"
        done
    done
done

median() { # of a column
    awk -v column="$2" '{ print $column }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
echo "| layer | GET req/s | CPU us | POST req/s | CPU us |"
echo "| --- | --- | --- | --- | --- |"
for name in ours evhttp mhd; do
    echo "| $name | $(median "$scratch/$name.get" 1) | $(median "$scratch/$name.get" 2)" \
        "| $(median "$scratch/$name.post" 1) | $(median "$scratch/$name.post" 2) |"
done
echo
for name in ours evhttp mhd; do
    eval "port=\$port_$name"
    python3 "$here/probe.py" $name "$port" > "$scratch/probe.$name"
done
echo "| probe | ours | evhttp | mhd |"
echo "| --- | --- | --- | --- |"
cut -f2 "$scratch/probe.evhttp" > "$scratch/b"
cut -f2 "$scratch/probe.mhd" > "$scratch/c"
paste "$scratch/probe.ours" "$scratch/b" "$scratch/c" |
    awk -F'\t' '{ printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }'
