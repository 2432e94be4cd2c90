//go:build !race

package bencode

import "testing"

func TestNothingAllocates(t *testing.T) {
	dst := make([]byte, 0, 256)
	name := []byte("name")
	inputs := [][]byte{
		[]byte("d8:completei5e5:peersld2:ip7:1.2.3.44:porti6881eee6:peers60:e"),
		[]byte("lllllllllllllllllllllllllllllllllllllllll"),
		[]byte("d1:ai-0e"),
		[]byte("99:x"),
	}
	allocs := testing.AllocsPerRun(100, func() {
		b := AppendInt(dst, -1<<63)
		b = AppendUint(b, 1<<63)
		b = AppendString(b, "name")
		AppendBytes(b, name)
		for _, input := range inputs {
			r := NewReader(input)
			for {
				if _, err := r.Next(); err != nil {
					break
				}
			}
			_ = r.Done()
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
