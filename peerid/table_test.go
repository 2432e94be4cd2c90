package peerid

import (
	"slices"
	"testing"
)

// golden are the names by their index, from 1. Indexes are stored in swarms, so
// a line of it is never moved, renamed or taken out; new ones go to the end.
var golden = []string{
	"qBittorrent",
	"µTorrent",
	"Transmission",
	"libtorrent (Rasterbar)",
	"BitTorrent",
	"Deluge",
	"libTorrent (rTorrent)",
	"BiglyBT",
	"Vuze",
	"BitComet", // 10
	"Tixati",
	"Xunlei",
	"WebTorrent",
	"WebTorrent Desktop",
	"anacrolix/torrent",
	"aria2",
	"KTorrent",
	"Free Download Manager",
	"PicoTorrent",
	"rqbit", // 20
	"µTorrent Mac",
	"µTorrent Web",
	"µTorrent Embedded",
	"BitTorrent Web",
	"MediaGet",
	"Folx",
	"FrostWire",
	"LibreTorrent",
	"rain",
	"Gopeed", // 30
	"torrent-stream",
	"aTorrent",
	"Tribler",
	"Popcorn Time",
	"Zona",
	"Baidu Netdisk",
	"QQDownload",
	"FlashGet",
	"BitSpirit",
	"Xfplay", // 40
	"Shareaza",
	"MonoTorrent",
	"BitLord",
	"Ares",
	"Halite",
	"Miro",
	"Opera",
	"Freebox",
	"iLivid",
	"Justseed.it", // 50
	"LeechCraft",
	"KGet",
	"OneSwarm",
	"Bitflu",
	"Enhanced CTorrent",
	"CTorrent",
	"BTG",
	"btpd",
	"MLdonkey",
	"XBT Client", // 60
	"ABC",
	"BitTornado",
	"LimeWire",
	"Pando",
	"Lphant",
	"Net Transport",
	"TuoTu",
	"Vagaa",
	"Qvod",
	"Amazon S3", // 70
	"Blizzard Downloader",
	"PeerApp",
	"SoMud",
	"Torch",
	"Xtorrent",
}

func TestIndexesStay(t *testing.T) {
	if len(golden) > MaxIndex {
		t.Fatalf("%d clients do not fit into 7 bits", len(golden))
	}
	if Name(0) != "" {
		t.Errorf("index 0 is %q, and must be nobody's", Name(0))
	}
	for i, want := range golden {
		if got := Name(uint8(i + 1)); got != want {
			t.Errorf("index %d is %q, and must stay %q", i+1, got, want)
		}
	}
	for index := len(golden) + 1; index <= 255; index++ {
		if got := Name(uint8(index)); got != "" {
			t.Errorf("index %d is %q, which is not in the golden list", index, got)
		}
	}
}

// A name stands for one client, or statistics by index and by name would differ.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range names {
		if name != "" && seen[name] {
			t.Errorf("%q is there twice", name)
		}
		seen[name] = true
	}
}

// A search in rows out of order misses some of them.
func TestRowsAreSorted(t *testing.T) {
	for i := range azureus {
		row := &azureus[i]
		if len(row.code) != 2 || names[row.client] == "" {
			t.Errorf("row %+v of azureus: no code of two characters, or no name", row)
		}
		if i > 0 && azureus[i-1].code >= row.code {
			t.Errorf("azureus: %q stands behind %q", row.code, azureus[i-1].code)
		}
		if got := identify(new(pad("-" + row.code + "1234-"))); got.client != row.client {
			t.Errorf("code %q leads to %q, want %q", row.code, names[got.client], names[row.client])
		}
	}
	for i := range prefixes {
		row := &prefixes[i]
		if names[row.client] == "" {
			t.Errorf("row %+v of prefixes has no name", row)
		}
		if i > 0 && prefixes[i-1].begins >= row.begins {
			t.Errorf("prefixes: %q stands behind %q", row.begins, prefixes[i-1].begins)
		}
		if got := identify(new(pad(row.begins + "1234"[:row.digits]))); got.client != row.client {
			t.Errorf("prefix %q leads to %q, want %q", row.begins, names[got.client], names[row.client])
		}
	}
	if len(prefixes) > 255 || !slices.Contains(firstPrefix[:], uint8(len(prefixes))) {
		t.Errorf("%d prefixes do not fit into a byte each", len(prefixes))
	}
}
