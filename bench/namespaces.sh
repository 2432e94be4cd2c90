# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Two network namespaces with a veth pair between them: packets take the road of
# a network card, short of the card.

server_space=shoal-bench-server-$$
load_space=shoal-bench-load-$$
sources=64 # addresses of the load: more peers than ports come from one else

make_namespaces() {
	local i batch=$work/addresses
	if ((EUID != 0)); then fail "network namespaces need root"; fi
	if ! command -v ip >/dev/null; then fail "network namespaces need ip (apt-get install iproute2)"; fi
	ip netns add "$server_space"
	ip netns add "$load_space"
	ip link add tracker netns "$server_space" type veth peer name peers netns "$load_space"
	ip -n "$server_space" addr add 10.77.0.1/24 dev tracker
	for ((i = 0; i < sources; i++)); do echo "addr add 10.77.0.$((i + 2))/24 dev peers"; done >"$batch"
	ip -n "$load_space" -batch "$batch"
	for i in lo tracker; do ip -n "$server_space" link set "$i" up; done
	for i in lo peers; do ip -n "$load_space" link set "$i" up; done
	# The kernel must cut what the load hands over in one piece on the load's
	# core, before the wire, as it would for a card.
	ip -n "$load_space" link set peers gso_max_segs 1
	server_address=10.77.0.1
	server_prefix=(ip netns exec "$server_space")
	load_prefix=(ip netns exec "$load_space")
}

# delete_namespaces is called when the scene ends, however it ends.
delete_namespaces() {
	ip netns del "$server_space" 2>/dev/null || true
	ip netns del "$load_space" 2>/dev/null || true
}
