# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# What the scenes can be told by the environment, and where things are.

BENCH_ROUNDS=${BENCH_ROUNDS:-5}
BENCH_SECONDS=${BENCH_SECONDS:-10} # of load, for each figure
BENCH_SERVERS=${BENCH_SERVERS:-}   # "shoal aquatic_udp": only these; empty: all
BENCH_SEED=${BENCH_SEED:-1}        # of torrents and peers: the same for everyone
BENCH_SERVER_CORE=${BENCH_SERVER_CORE:-0}
BENCH_LOAD_CORE=${BENCH_LOAD_CORE:-1}
BENCH_PORT=${BENCH_PORT:-16200} # the first of those that servers listen on

BENCH_TORRENTS=${BENCH_TORRENTS:-1000000} # udp-saturated, udp-partial, testers
BENCH_PEERS=${BENCH_PEERS:-2000000}
BENCH_RATE=${BENCH_RATE:-50000}                         # udp-partial, announces a second
BENCH_MEMORY_TORRENTS=${BENCH_MEMORY_TORRENTS:-500000}  # udp-memory
BENCH_MEMORY_PEERS=${BENCH_MEMORY_PEERS:-5000000}       #
BENCH_SETTLE=${BENCH_SETTLE:-180}                       # seconds from the last announce to the look at RSS
BENCH_HTTP_TORRENTS=${BENCH_HTTP_TORRENTS:-1000}        # http-fresh, http-keep-alive, https-fresh, idle-memory
BENCH_HTTP_PEERS=${BENCH_HTTP_PEERS:-100000}            #
BENCH_IDLE=${BENCH_IDLE:-19000}                         # idle-memory, ws-idle, connections
BENCH_IDLE_SETTLE=${BENCH_IDLE_SETTLE:-15}              # seconds from the last announce to the look at RSS
BENCH_WS_CONNECTIONS=${BENCH_WS_CONNECTIONS:-500}       # ws-relay
BENCH_WS_TORRENTS=${BENCH_WS_TORRENTS:-25}              #
BENCH_WS_RATE=${BENCH_WS_RATE:-2000}                    # announces a second where they are paced
BENCH_WS_OFFERS=${BENCH_WS_OFFERS:-5}                   # ws-relay, ws-idle; of an announce
BENCH_WS_SDP=${BENCH_WS_SDP:-1500}                      # bytes of an offer or an answer
BENCH_WS_IDLE_TORRENTS=${BENCH_WS_IDLE_TORRENTS:-1000}  # ws-idle
BENCH_API_TORRENTS=${BENCH_API_TORRENTS:-1200000}       # api-pages; one in eight has nobody
BENCH_API_PEERS=${BENCH_API_PEERS:-2500000}             #
BENCH_API_RATE=${BENCH_API_RATE:-20000}                 # announces a second meanwhile
BENCH_STORE_PEERS=${BENCH_STORE_PEERS:-10000000}        # store
BENCH_STORE_SWARM=${BENCH_STORE_SWARM:-500000}          # peers of the swarm that grows
BENCH_STORE_ANNOUNCES=${BENCH_STORE_ANNOUNCES:-5000000} #

# Binaries. Ours are built unless they are given.
SHOAL=${BENCH_SHOAL:-}
SHOAL_LOAD=${BENCH_SHOAL_LOAD:-}
AQUATIC_UDP_URING=${AQUATIC_UDP_URING:-$HOME/.aquatic-uring/bin/aquatic_udp}

bench=$PWD
house=$(dirname "$bench")
BENCH_RESULTS=${BENCH_RESULTS:-$bench/results/$(date -u +%Y%m%dT%H%M%SZ)-$(basename "$0").txt}
export BENCH_RESULTS
