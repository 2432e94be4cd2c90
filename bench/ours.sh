# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Our own programs.

go_tool=$(command -v go || echo /usr/local/go/bin/go)

# build_ours builds Shoal and shoal-load, unless they are given.
build_ours() {
	if [[ -z $SHOAL ]]; then
		SHOAL=$bench/bin/shoal
		(cd "$house" && CGO_ENABLED=0 "$go_tool" build -trimpath -o "$SHOAL" ./cmd/shoal) || fail "Shoal does not build"
	fi
	if [[ -z $SHOAL_LOAD ]]; then
		SHOAL_LOAD=$bench/bin/shoal-load
		(cd "$house" && CGO_ENABLED=0 "$go_tool" build -trimpath -o "$SHOAL_LOAD" ./cmd/shoal-load) || fail "shoal-load does not build"
	fi
}

our_line() {
	local commit
	commit=$(cd "$house" && git describe --always --dirty 2>/dev/null || echo "no commit")
	echo "shoal and shoal-load at $commit, $("$go_tool" version | cut -d' ' -f3-)"
}
