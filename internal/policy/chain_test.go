package policy

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"pgregory.net/rapid"
)

// The model is the configuration read literally and lists that are maps: nothing
// in it is compiled, sorted or shared.
type model struct {
	config          Config
	keys            map[shoal.AuthKey]shoal.Tick
	allowed, denied [2]map[shoal.InfoHash]shoal.Tick
}

func (m *model) check(req *shoal.AnnounceRequest, now shoal.Tick) (f shoal.Failure, hidden bool) {
	addr := req.Addr.Addr()
	f = m.checkTorrent(req.InfoHash, now)
	if f != shoal.TorrentDenied {
		if key := m.checkKey(req.AuthKey, now); key != shoal.OK {
			f = key
		}
	}
	if f != shoal.OK {
		return f, false
	}
	for _, prefix := range m.config.ClientsDenied {
		if strings.HasPrefix(string(req.PeerID[:]), prefix) {
			return shoal.ClientDenied, false
		}
	}
	for _, network := range m.config.AddressesDenied {
		if network.Contains(addr) {
			return shoal.AddressDenied, false
		}
	}
	if req.Link != 0 {
		return shoal.OK, false
	}
	if slices.Contains(m.config.PortsDenied, int(req.Addr.Port())) {
		return shoal.PortDenied, false
	}
	for _, network := range private {
		hidden = hidden || network.Contains(addr)
	}
	return shoal.OK, hidden && m.config.PrivateAddresses == "drop"
}

var private = func() (networks []netip.Prefix) {
	for _, n := range strings.Fields("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 ::1/128 fc00::/7 fe80::/10") {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	return networks
}()

func (m *model) checkKey(key shoal.AuthKey, now shoal.Tick) shoal.Failure {
	until, known := m.keys[key]
	switch {
	case !m.config.Private:
		return shoal.OK
	case key == shoal.AuthKey{}:
		return shoal.KeyMissing
	case key.Invalid():
		return shoal.KeyInvalid
	case !known:
		return shoal.KeyUnknown
	case until != 0 && now >= until:
		return shoal.KeyExpired
	}
	return shoal.OK
}

func (m *model) checkTorrent(hash shoal.InfoHash, now shoal.Tick) shoal.Failure {
	in := func(lists [2]map[shoal.InfoHash]shoal.Tick) bool {
		for _, l := range lists {
			if until, found := l[hash]; found && (until == 0 || now < until) {
				return true
			}
		}
		return false
	}
	switch {
	case in(m.denied):
		return shoal.TorrentDenied
	case m.config.Listed && !in(m.allowed):
		return shoal.TorrentUnlisted
	}
	return shoal.OK
}

// pool has a few hashes, most of which differ only behind the bytes that tables
// are numbered by, and keys of the same bytes.
var pool = func() (hashes []shoal.InfoHash) {
	for i := range 2500 {
		var h shoal.InfoHash
		binary.BigEndian.PutUint16(h[14:], uint16(i)) // in keys too
		if i%5 == 0 {
			binary.BigEndian.PutUint64(h[:], uint64(i)*0x9e3779b97f4a7c15)
		}
		h[0] |= 1 // neither zero nor the invalid key
		hashes = append(hashes, h)
	}
	return hashes
}()

func poolKey(i int) shoal.AuthKey { return shoal.AuthKey(pool[i][:16]) }

var moments = rapid.SampledFrom([]shoal.Tick{0, 0, 1000, 2000, 3000, -1})

// changeTorrents does the same to a list and its map.
func changeTorrents(t *rapid.T, list *Torrents, like map[shoal.InfoHash]shoal.Tick) {
	from := rapid.IntRange(0, len(pool)-1).Draw(t, "from")
	n := rapid.SampledFrom([]int{0, 1, 2, 40, 700}).Draw(t, "n")
	until := moments.Draw(t, "until")
	var some []shoal.InfoHash
	for i := range n {
		some = append(some, pool[(from+i*7)%len(pool)])
	}
	switch rapid.SampledFrom([]string{"add", "add", "remove", "replace", "replace hashes"}).Draw(t, "change") {
	case "add":
		var entries []Torrent
		for i, h := range some {
			entries = append(entries, Torrent{h, until + shoal.Tick(i%2)})
			like[h] = until + shoal.Tick(i%2)
		}
		if n > 0 && rapid.Bool().Draw(t, "twice") {
			entries = append(entries, Torrent{some[0], 5000})
			like[some[0]] = 5000
		}
		before := slices.Clone(entries)
		if list.Add(entries...); !slices.Equal(before, entries) {
			t.Fatal("Add wrote over its arguments")
		}
	case "remove":
		for _, h := range some {
			delete(like, h)
		}
		list.Remove(some...)
	case "replace":
		clear(like)
		var entries []Torrent
		for i, h := range some {
			e := Torrent{h, until + shoal.Tick(i%2)}
			entries = append(entries, e)
			if rapid.IntRange(0, 30).Draw(t, "double") == 0 {
				other := Torrent{h, moments.Draw(t, "other")}
				entries = append(entries, other)
				if e.Until != 0 && (other.Until == 0 || other.Until > e.Until) {
					e = other
				}
			}
			like[h] = e.Until
		}
		list.Replace(entries)
	case "replace hashes":
		clear(like)
		for _, h := range some {
			like[h] = 0
		}
		list.ReplaceHashes(append(some, some[:n/3]...))
	}
	if list.Len() != len(like) {
		t.Fatalf("Len = %d, want %d", list.Len(), len(like))
	}
}

func changeKeys(t *rapid.T, list *Keys, like map[shoal.AuthKey]shoal.Tick) {
	from := rapid.IntRange(0, len(pool)-1).Draw(t, "from")
	n := rapid.SampledFrom([]int{0, 1, 2, 40, 700}).Draw(t, "n")
	until := moments.Draw(t, "until")
	change := rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(t, "change")
	if change == "replace" {
		clear(like)
	}
	var keys []Key
	var hashes []shoal.AuthKey
	for i := range n {
		k := Key{poolKey((from + i*7) % len(pool)), until}
		keys, hashes = append(keys, k), append(hashes, k.Hash)
		like[k.Hash] = until
		if change == "remove" {
			delete(like, k.Hash)
		}
	}
	switch change {
	case "add":
		list.Add(keys...)
	case "remove":
		list.Remove(hashes...)
	case "replace":
		list.Replace(append(keys, keys[:n/3]...))
	}
	if list.Len() != len(like) {
		t.Fatalf("Len = %d, want %d", list.Len(), len(like))
	}
}

// TestChainLikeTheModel changes lists under chains and compares what they say
// with the model.
func TestChainLikeTheModel(t *testing.T) {
	// Few letters, few networks and few ports, so that rules often match.
	letters := rapid.SampledFrom([]byte{'-', 'X', 0, 0xff})
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		first := rapid.SampledFrom([]byte{1, 10, 100, 127, 169, 172, 192, 0, 0xfc, 0xfd, 0xfe, 0x20}).Draw(t, "first")
		second := rapid.SampledFrom([]byte{0, 15, 16, 31, 32, 63, 64, 127, 128, 168, 254}).Draw(t, "second")
		last := rapid.ByteRange(0, 3).Draw(t, "last")
		if rapid.Bool().Draw(t, "IPv6") {
			return netip.AddrFrom16([16]byte{0: first, 1: second, 15: last})
		}
		return netip.AddrFrom4([4]byte{first, second, 0, last})
	})
	network := rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := address.Draw(t, "address")
		return netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 20).Draw(t, "bits"))
	})
	verdicts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := model{keys: map[shoal.AuthKey]shoal.Tick{}}
		lists := Lists{Keys: NewKeys()}
		for i := range m.allowed {
			m.allowed[i], m.denied[i] = map[shoal.InfoHash]shoal.Tick{}, map[shoal.InfoHash]shoal.Tick{}
			lists.Allowed, lists.Denied = append(lists.Allowed, NewTorrents()), append(lists.Denied, NewTorrents())
		}
		var chain *Chain
		configure := func(t *rapid.T) {
			m.config = Config{
				Private:          rapid.Bool().Draw(t, "private"),
				Listed:           rapid.Bool().Draw(t, "listed"),
				ClientsDenied:    rapid.SliceOfN(rapid.Map(rapid.SliceOfN(letters, 1, 20), func(b []byte) string { return string(b) }), 0, 3).Draw(t, "clients"),
				AddressesDenied:  rapid.SliceOfN(network, 0, 10).Draw(t, "networks"),
				PortsDenied:      rapid.SliceOfN(rapid.IntRange(0, 200), 0, 40).Draw(t, "ports"),
				PrivateAddresses: rapid.SampledFrom([]string{"keep", "drop"}).Draw(t, "private addresses"),
			}
			chain = Compile(m.config, lists)
		}
		configure(t)
		t.Repeat(map[string]func(*rapid.T){
			"configure": configure,
			"change keys": func(t *rapid.T) {
				changeKeys(t, lists.Keys, m.keys)
			},
			"change allowed": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "list")
				changeTorrents(t, lists.Allowed[i], m.allowed[i])
			},
			"change denied": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "list")
				changeTorrents(t, lists.Denied[i], m.denied[i])
			},
			"": func(t *rapid.T) {
				now := rapid.SampledFrom([]shoal.Tick{0, 999, 1000, 2000, 4000}).Draw(t, "now")
				var reqs []shoal.AnnounceRequest
				var failures []shoal.Failure
				for range 8 {
					req := &shoal.AnnounceRequest{
						InfoHash: rapid.SampledFrom(pool).Draw(t, "hash"),
						AuthKey:  poolKey(rapid.IntRange(0, len(pool)-1).Draw(t, "key")),
						Addr:     netip.AddrPortFrom(address.Draw(t, "address"), uint16(rapid.IntRange(0, 200).Draw(t, "port"))),
						Hidden:   rapid.Bool().Draw(t, "hidden before"),
					}
					switch rapid.IntRange(0, 10).Draw(t, "other key") {
					case 0:
						req.AuthKey = shoal.AuthKey{}
					case 1:
						req.AuthKey = broken
					}
					copy(req.PeerID[:], rapid.SliceOfN(letters, 20, 20).Draw(t, "id"))
					if len(m.config.ClientsDenied) > 0 && rapid.IntRange(0, 4).Draw(t, "client") == 0 {
						copy(req.PeerID[:], rapid.SampledFrom(m.config.ClientsDenied).Draw(t, "prefix"))
					}
					if rapid.IntRange(0, 4).Draw(t, "browser") == 0 {
						req.Link = shoal.NewLink(0, 1, 2, 3)
					}
					before := *req
					reqs, failures = append(reqs, before), append(failures, shoal.OK)
					want, hidden := m.check(req, now)
					verdicts[fmt.Sprint(want, hidden)]++
					if got := chain.Check(req, now); got != want || req.Hidden != hidden {
						t.Fatalf("Check(%+v, %d) = %v, Hidden %v; want %v, %v", req, now, got, req.Hidden, want, hidden)
					}
					if got, want := chain.CheckKey(req.AuthKey, now), m.checkKey(req.AuthKey, now); got != want {
						t.Fatalf("CheckKey(%x, %d) = %v, want %v", req.AuthKey, now, got, want)
					}
					if got, want := chain.CheckTorrent(&req.InfoHash, now), m.checkTorrent(req.InfoHash, now); got != want {
						t.Fatalf("CheckTorrent(%v, %d) = %v, want %v", req.InfoHash, now, got, want)
					}
				}
				passed := rapid.IntRange(0, len(reqs)-1).Draw(t, "passed over")
				failures[passed] = shoal.PortMissing
				judged := slices.Clone(reqs)
				chain.CheckBatch(judged, failures, now)
				for i := range judged {
					want, hidden := m.check(&reqs[i], now)
					if i == passed {
						want, hidden = shoal.PortMissing, reqs[i].Hidden
					}
					if failures[i] != want || judged[i].Hidden != hidden {
						t.Fatalf("CheckBatch: %+v: %v, Hidden %v; want %v, %v", reqs[i], failures[i], judged[i].Hidden, want, hidden)
					}
				}
			},
		})
		for i := range 2 {
			for _, hash := range pool {
				until, found := lists.Denied[i].set.find(&hash)
				if want, in := m.denied[i][hash]; in != found || in && want != until {
					t.Fatalf("at the end %v is denied until %d (%v), want %d (%v)", hash, until, found, want, in)
				}
			}
		}
	})
	for _, f := range []shoal.Failure{
		shoal.ClientDenied, shoal.PortDenied, shoal.AddressDenied, shoal.TorrentDenied, shoal.TorrentUnlisted,
		shoal.KeyMissing, shoal.KeyInvalid, shoal.KeyUnknown, shoal.KeyExpired,
	} {
		if verdicts[fmt.Sprint(f, false)] == 0 {
			t.Errorf("no announce met %q", f)
		}
	}
	if verdicts[fmt.Sprint(shoal.OK, false)] == 0 || verdicts[fmt.Sprint(shoal.OK, true)] == 0 {
		t.Error("no announce was let in, or none hidden")
	}
}
