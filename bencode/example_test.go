package bencode_test

import (
	"fmt"

	"github.com/shoal-tracker/shoal/bencode"
)

func Example() {
	b := append([]byte(nil), 'd')
	b = bencode.AppendString(b, "interval")
	b = bencode.AppendInt(b, 1800)
	b = append(b, 'e')
	fmt.Printf("%s\n", b)
	// Output: d8:intervali1800ee
}

func ExampleReader() {
	r := bencode.NewReader([]byte("d8:intervali1800e5:peers0:e"))
	for {
		t, err := r.Next()
		if err != nil {
			break // io.EOF, or what is wrong
		}
		fmt.Printf("%v %q %d\n", t.Kind, t.Bytes, t.Int)
	}
	fmt.Println(r.Done())
	// Output:
	// dictionary "" 0
	// string "interval" 0
	// integer "" 1800
	// string "peers" 0
	// string "" 0
	// end "" 0
	// <nil>
}
