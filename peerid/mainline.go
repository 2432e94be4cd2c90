package peerid

import "github.com/shoal-tracker/shoal"

// mainline knows the style of the first client of all: a letter, then three
// numbers, each with a dash behind it, as in M7-10-5-.
func mainline(id *shoal.PeerID) match {
	m := match{version: numbered, at: 1}
	switch id[0] {
	case 'M':
		m.client = bitTorrent
	case 'Q':
		m.client = queenBee
	default:
		return match{}
	}
	at := 1
	for range 3 {
		first := at
		for at < first+2 && digit(id[at]) {
			at++
		}
		if at == first || id[at] != '-' {
			return match{}
		}
		at++
	}
	return m
}
