//go:build !race

package policy

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// How large the lists of the benchmarks are.
const (
	manyDenied  = 10_000_000
	manyAllowed = 1_000_000
	manyKeys    = 100_000
)

func BenchmarkCheck(b *testing.B) {
	b.Run("few rules", func(b *testing.B) {
		chain := Compile(Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}, Lists{})
		req := request("-qB5000-", 6881)
		for b.Loop() {
			chain.Check(req, 0)
		}
	})
	chain, _, reqs := everything(manyDenied, manyAllowed, manyKeys)
	run := func(name string, chain *Chain) {
		b.Run(name, func(b *testing.B) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if f := chain.Check(&reqs[i%len(reqs)], 0); f != shoal.OK {
					b.Fatal(f)
				}
				i++
			}
		})
	}
	run("nothing", Compile(Config{}, Lists{}))
	run("everything", chain)
	b.Run("everything by batches", func(b *testing.B) {
		i, failures := 0, make([]shoal.Failure, batchSize)
		b.ReportAllocs()
		for range b.N / batchSize {
			chain.CheckBatch(reqs[i:i+batchSize], failures, 0)
			i = (i + batchSize) % len(reqs)
			if failures[0] != shoal.OK {
				b.Fatal(failures[0])
			}
		}
	})
	denied := *chain
	denied.listed, denied.private = false, false
	run("denied", &denied)
}

func BenchmarkReadTorrents(b *testing.B) {
	var text bytes.Buffer
	for _, h := range hashesOf(1, 1_000_000) {
		text.WriteString(h.String() + "\n")
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if hashes, err := ReadTorrents(bytes.NewReader(text.Bytes())); err != nil || len(hashes) != 1_000_000 {
			b.Fatal(len(hashes), err)
		}
	}
}

func BenchmarkReplaceHashes(b *testing.B) {
	hashes := hashesOf(1, manyDenied)
	room := make([]shoal.InfoHash, len(hashes))
	var list *Torrents
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		copy(room, hashes)
		list = NewTorrents()
		b.StartTimer()
		list.ReplaceHashes(room)
	}
	runtime.KeepAlive(list)
}

// BenchmarkReplaceAlike has hashes that somebody picked: they agree in all but
// their last bytes.
func BenchmarkReplaceAlike(b *testing.B) {
	hashes := hashesOf(1, 1_000_000)
	for i := range hashes {
		clear(hashes[i][:16])
	}
	b.ResetTimer()
	for range b.N {
		NewTorrents().ReplaceHashes(slices.Clone(hashes))
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{0, manyAllowed, manyDenied} {
		b.Run(fmt.Sprintf("to %d", n), func(b *testing.B) {
			list := NewTorrents()
			list.ReplaceHashes(hashesOf(1, n))
			more := hashesOf(2, 1<<20)
			i := 0
			for b.Loop() {
				list.Add(Torrent{more[i%len(more)], 0})
				i++
			}
		})
	}
}
