//go:build !race

package policy

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// everything has all rules on, over lists of so many hashes, and requests that
// are let in.
func everything(denied, allowed, keys int) (chain *Chain, lists Lists, reqs []shoal.AnnounceRequest) {
	lists = Lists{
		Keys:    NewKeys(),
		Allowed: []*Torrents{NewTorrents(), NewTorrents()},
		Denied:  []*Torrents{NewTorrents(), NewTorrents()},
	}
	lists.Denied[0].ReplaceHashes(hashesOf(1, denied))
	lists.Denied[1].Replace(entriesOf(hashesOf(2, 1000), 1<<50))
	torrents := hashesOf(3, allowed)
	lists.Allowed[0].ReplaceHashes(slices.Clone(torrents))
	var all []Key
	for _, h := range hashesOf(4, keys) {
		all = append(all, Key{shoal.AuthKey(h[:16]), 1 << 50})
	}
	lists.Keys.Replace(slices.Clone(all))
	for _, h := range hashesOf(5, 500) { // changes beside the base
		lists.Denied[1].Add(Torrent{h, 0})
		lists.Allowed[0].Add(Torrent{h, 0})
		lists.Keys.Add(Key{shoal.AuthKey(h[:16]), 0})
	}
	c := Config{Private: true, Listed: true, PrivateAddresses: "drop", ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}
	for i := range 1000 {
		c.AddressesDenied = append(c.AddressesDenied, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(i >> 8), byte(i), 0}), 24))
	}
	reqs = make([]shoal.AnnounceRequest, 1<<16)
	for i := range reqs {
		reqs[i] = *request("-qB5000-", 6881)
		reqs[i].InfoHash = torrents[i*7919%len(torrents)]
		reqs[i].AuthKey = all[i*104729%len(all)].Hash
	}
	return Compile(c, lists), lists, reqs
}

func TestCheckAllocatesNothing(t *testing.T) {
	for name, chain := range map[string]*Chain{
		"no rules": Compile(Config{}, Lists{}),
		"rules":    Compile(Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}, Lists{}),
	} {
		denied, allowed := request("-XL0012-", 22), request("-qB5000-", 6881)
		if n := testing.AllocsPerRun(100, func() { chain.Check(denied, 0); chain.Check(allowed, 0) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	chain, _, reqs := everything(10_000, 10_000, 1000)
	refused := map[shoal.Failure]func(*shoal.AnnounceRequest){
		shoal.OK:              func(r *shoal.AnnounceRequest) {},
		shoal.TorrentDenied:   func(r *shoal.AnnounceRequest) { r.InfoHash = hashesOf(5, 1)[0] },
		shoal.TorrentUnlisted: func(r *shoal.AnnounceRequest) { r.InfoHash[19]++ },
		shoal.KeyMissing:      func(r *shoal.AnnounceRequest) { r.AuthKey = shoal.AuthKey{} },
		shoal.KeyInvalid:      func(r *shoal.AnnounceRequest) { r.AuthKey = broken },
		shoal.KeyUnknown:      func(r *shoal.AnnounceRequest) { r.AuthKey[15]++ },
		shoal.ClientDenied:    func(r *shoal.AnnounceRequest) { copy(r.PeerID[:], "-XL0012-") },
		shoal.AddressDenied:   func(r *shoal.AnnounceRequest) { r.Addr = netip.MustParseAddrPort("198.2.2.2:1") },
		shoal.PortDenied:      func(r *shoal.AnnounceRequest) { r.Addr = netip.AddrPortFrom(r.Addr.Addr(), 22) },
		shoal.KeyExpired:      nil,
	}
	for want, change := range refused {
		req, now := reqs[0], shoal.Tick(1)
		if change == nil {
			now = 1 << 50
		} else {
			change(&req)
		}
		if n := testing.AllocsPerRun(100, func() {
			if got := chain.Check(&req, now); got != want {
				t.Fatalf("Check = %v, want %v", got, want)
			}
			chain.CheckKey(req.AuthKey, now)
			chain.CheckTorrent(&req.InfoHash, now)
		}); n != 0 {
			t.Errorf("%q: %v allocations", want, n)
		}
	}
}

func TestCheckBatchAllocatesNothing(t *testing.T) {
	chain, _, reqs := everything(10_000, 10_000, 1000)
	reqs = reqs[:2*batchSize+1]
	reqs[batchSize].AuthKey = broken
	failures := make([]shoal.Failure, len(reqs))
	if n := testing.AllocsPerRun(100, func() {
		clear(failures)
		chain.CheckBatch(reqs, failures, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for i, f := range failures {
		if i == batchSize && f != shoal.KeyInvalid || i != batchSize && f != shoal.OK {
			t.Errorf("announce %d: %v", i, f)
		}
	}
	clear(failures)
	reqs[0].Hidden = true
	(*Chain)(nil).CheckBatch(reqs, failures, 1)
	if failures[batchSize] != shoal.OK || reqs[0].Hidden {
		t.Errorf("the nil chain: %v, Hidden %v", failures[batchSize], reqs[0].Hidden)
	}
}

// heap returns the bytes of the heap that are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBytes measures what a list takes once it is in force, however it came.
func TestBytes(t *testing.T) {
	const n = 300_000
	hashes := hashesOf(1, n)
	name := filepath.Join(t.TempDir(), "list")
	var text bytes.Buffer
	for i, h := range hashes {
		fmt.Fprintf(&text, "%s\r\n", h)
		if i%2 == 0 {
			fmt.Fprintf(&text, "%s # twice\n", h)
		}
	}
	if err := os.WriteFile(name, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	text = bytes.Buffer{}

	for _, tt := range []struct {
		name string
		most float64 // bytes a hash
		fill func(*Torrents)
	}{
		{"a file", 24, func(l *Torrents) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			read, err := ReadTorrents(file)
			if err != nil {
				t.Fatal(err)
			}
			l.ReplaceHashes(read)
		}},
		{"permanent entries", 24, func(l *Torrents) { l.Replace(entriesOf(hashes, 0)) }},
		{"entries that expire", 32, func(l *Torrents) { l.Replace(entriesOf(hashes, 1)) }},
		{"added", 24, func(l *Torrents) { l.Add(entriesOf(hashes, 0)...) }},
		{"added in parts", 24.5, func(l *Torrents) {
			for part := range slices.Chunk(hashes, 700) {
				l.Add(entriesOf(part, 0)...)
			}
		}},
	} {
		list := NewTorrents()
		before := heap()
		tt.fill(list)
		each := float64(heap()-before) / n
		t.Logf("%s: %.2f bytes a hash", tt.name, each)
		if each > tt.most || list.Len() != n {
			t.Errorf("%s: %.2f bytes for each of %d hashes; want %.2f, %d", tt.name, each, list.Len(), tt.most, n)
		}
		runtime.KeepAlive(list)
	}
	runtime.KeepAlive(hashes)
}
