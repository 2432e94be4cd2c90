package peerid_test

import (
	"fmt"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/peerid"
)

func ExampleParse() {
	for _, id := range []string{
		"-qB4650-9h!Nf.3PtLRk",
		"-TR400B-k8hj0wgej6ch",
		"M7-10-5-k8hj0wgej6ch",
		"-XY1234-k8hj0wgej6ch",
	} {
		fmt.Println(peerid.Parse(shoal.PeerID([]byte(id))))
	}
	// Output:
	// qBittorrent 4.6.5
	// Transmission 4.0.0 beta
	// BitTorrent 7.10.5
	// unknown
}

// Clients are counted by an index of 7 bits, and named when somebody asks.
func ExampleIndex() {
	var peers [peerid.MaxIndex + 1]int
	for _, id := range []string{"-qB4650-9h!Nf.3PtLRk", "-qB5110-k8hj0wgej6ch", "A2-1-37-0-wgej6chk8h"} {
		peers[peerid.Index(shoal.PeerID([]byte(id)))]++
	}
	for index, n := range peers {
		if n > 0 {
			fmt.Println(peerid.Name(uint8(index)), n)
		}
	}
	// Output:
	// qBittorrent 2
	// aria2 1
}
