package peerid

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// pad fills what a test has of a peer ID up to 20 bytes, as a client would.
func pad(begins string) shoal.PeerID {
	return shoal.PeerID([]byte((begins + "k8hj0wgej6chk8hj0wgej6ch")[:20]))
}

// published are marks as they stand in logs and peer lists, or made up in the
// published convention of their client, and then marks that are broken. Every
// client with an index is in it.
var published = []struct{ id, name, version string }{
	{"-qB4650-9h!Nf.3PtLRk", "qBittorrent", "4.6.5"},
	{"-qB5110-~Fk(p3Yp)DxT", "qBittorrent", "5.1.1"},
	{"-qB4191-", "qBittorrent", "4.1.9.1"},
	{"-qB33G0-", "qBittorrent", "3.3.16"},
	{"-UT3600-\x4b\xb6\x12\x9f", "µTorrent", "3.6.0"},
	{"-UT355W-\x8a\xb2", "µTorrent", "3.5.5"},
	{"-UT354S-", "µTorrent", "3.5.4"},
	{"-UT2210-\x2a\x62", "µTorrent", "2.2.1"},
	{"-UT170B-", "µTorrent", "1.7.0 beta"},
	{"-UT180A-", "µTorrent", "1.8.0 alpha"},
	{"-UT1612-", "µTorrent", "1.6.1.2"},
	{"-TR3000-", "Transmission", "3.00"},
	{"-TR2940-", "Transmission", "2.94"},
	{"-TR133Z-", "Transmission", "1.33 dev"},
	{"-TR133X-", "Transmission", "1.33 beta"},
	{"-TR0072-", "Transmission", "0.72"},
	{"-TR0006-", "Transmission", "0.6"},
	{"-TR4050-", "Transmission", "4.0.5"},
	{"-TR400B-", "Transmission", "4.0.0 beta"},
	{"-TR410Z-", "Transmission", "4.1.0 dev"},
	{"-TR40A0-", "Transmission", "4.0.10"},
	{"-LT20B0-", "libtorrent (Rasterbar)", "2.0.11"},
	{"-LT1210-", "libtorrent (Rasterbar)", "1.2.1"},
	{"-LT0GH0-", "libtorrent (Rasterbar)", "0.16.17"},
	{"-BT7a5W-", "BitTorrent", "7.10.5"},
	{"-BT7B0S-", "BitTorrent", "7.11.0"},
	{"M7-10-5-pJ!", "BitTorrent", "7.10.5"},
	{"M7-2-3--kX", "BitTorrent", "7.2.3"},
	{"M4-20-8-", "BitTorrent", "4.20.8"},
	{"M3-4-2--", "BitTorrent", "3.4.2"},
	{"-DE211s-", "Deluge", "2.1.1"},
	{"-DE13F0-", "Deluge", "1.3.15"},
	{"-DE204D-", "Deluge", "2.0.4 dev"},
	{"-DE200r-", "Deluge", "2.0.0 rc"},
	{"-lt0D80-\x1b", "libTorrent (rTorrent)", "0.13.8"},
	{"-lt0F10-", "libTorrent (rTorrent)", "0.15.1"},
	{"-BI3500-", "BiglyBT", "3.5.0.0"},
	{"-BI2101-", "BiglyBT", "2.1.0.1"},
	{"-AZ5750-7fZqLsC0XwYz", "Vuze", "5.7.5.0"},
	{"-AZ2306-", "Vuze", "2.3.0.6"},
	{"Azureus\x00\x00\x00\x00\x00", "Vuze", ""},
	{"\x00\x01\x02\x03\x04Azureus", "Vuze", ""},
	{"-BC0152-", "BitComet", "1.52"},
	{"-BC0107-", "BitComet", "1.07"},
	{"-BC0200-", "BitComet", "2.00"},
	{"exbc\x00\x38---", "BitComet", "0.56"},
	{"FUTB\x00\x3b", "BitComet", "0.59"},
	{"xUTB\x00\x3b", "BitComet", "0.59"},
	{"TIX0319-i7h8g9f0e1d2", "Tixati", "3.19"},
	{"TIX0137-", "Tixati", "1.37"},
	{"-XL0012-", "Xunlei", "0.0.1.2"},
	{"-SD0100-", "Xunlei", "0.1.0"},
	{"-WW0218-", "WebTorrent", "2.18"},
	{"-WW0107-", "WebTorrent", "1.7"},
	{"-WD0024-", "WebTorrent Desktop", "0.24"},
	{"-GT0003-", "anacrolix/torrent", "0.0.0.3"},
	{"A2-1-37-0-\x9c\xbc\xfa", "aria2", "1.37.0"},
	{"A2-1-8-0-", "aria2", "1.8.0"},
	{"-aria2-", "aria2", ""},
	{"-KT5110-", "KTorrent", "5.1.1"},
	{"-KT22R1-", "KTorrent", "2.2 rc 1"},
	{"-KT21D1-", "KTorrent", "2.1 dev 1"},
	{"-FD6120-", "Free Download Manager", "6.1.2"},
	{"-FD51R\xff-", "Free Download Manager", ""},
	{"-PI0180-", "PicoTorrent", "0.1.8"},
	{"-rQ8110-", "rqbit", "8.1.1"},
	{"-UM1870-", "µTorrent Mac", "1.8.7"},
	{"-UW1250-", "µTorrent Web", "1.2.5"},
	{"-UE1100-", "µTorrent Embedded", "1.1.0"},
	{"-BW1250-", "BitTorrent Web", "1.2.5"},
	{"-MG2110-", "MediaGet", "2.1.1"},
	{"-FL5190-", "Folx", "5.1.9"},
	{"-FW6890-", "FrostWire", "6.8.9"},
	{"-Lr3600-", "LibreTorrent", "3.6.0"},
	{"-RN1.12.1-", "rain", "1.12.1"},
	{"-RN0.0.0-", "rain", "0.0.0"},
	{"-GP1570-", "Gopeed", ""},
	{"-TS0008-", "torrent-stream", ""},
	{"-7T1200-", "aTorrent", "1.2.0"},
	{"-TL7130-", "Tribler", "7.1.3"},
	{"R410-----", "Tribler", "4.1.0"},
	{"-PT0361-", "Popcorn Time", "0.3.6.1"},
	{"-ZO2020-", "Zona", "2.0.2.0"},
	{"-BN0001-", "Baidu Netdisk", "0.0.0.1"},
	{"-QD0001-", "QQDownload", "0.0.0.1"},
	{"-FG0180\x01\x02\x03", "FlashGet", "1.80"},
	{"-SP3602-", "BitSpirit", "3.6.0.2"},
	{"\x00\x02BS", "BitSpirit", ""},
	{"\x00\x03BS", "BitSpirit", ""},
	{"UDP0", "BitSpirit", ""},
	{"-XF9990-", "Xfplay", "9.9.9"},
	{"-SZ2760-", "Shareaza", "2.7.6"},
	{"-S~2310-", "Shareaza", "2.3.1"},
	{"-MO3000-", "MonoTorrent", "3.0.0"},
	{"exbc\x01\x02LORD", "BitLord", "1.02"},
	{"-AG2083-", "Ares", "2.0.8.3"},
	{"-A~2083-", "Ares", "2.0.8.3"},
	{"-HL0290-", "Halite", "0.2.9"},
	{"-MR2030-", "Miro", "2.0.3"},
	{"OP7685f2c1495b1680bf", "Opera", "7685"},
	{"-FX0100-", "Freebox", "0.1.0"},
	{"-IL1000-", "iLivid", "1.0.0"},
	{"-JS1000-", "Justseed.it", "1.0.0"},
	{"-LC0670-", "LeechCraft", "0.6.7"},
	{"-KG2450-", "KGet", "2.4.5"},
	{"-OS0760-", "OneSwarm", "0.7.6.0"},
	{"-BF0100-", "Bitflu", ""},
	{"-CD0304-", "Enhanced CTorrent", "3.04"},
	{"-CT1320-", "CTorrent", "1.3.2"},
	{"-BG0330-", "BTG", "0.3.3.0"},
	{"btpd/0.16", "btpd", ""},
	{"-ML2.7.2-kgjjfkd", "MLdonkey", "2.7.2"},
	{"-ML3.10-", "MLdonkey", "3.10"}, // its second dash where Azureus has one
	{"XBT054d-", "XBT Client", "0.5.4 debug"},
	{"XBT046--", "XBT Client", "0.4.6"},
	{"A310--001v5Gysr4NxNK", "ABC", "3.1.0"},
	{"T03A0----f089kjsdf6e", "BitTornado", "0.3.10.0"},
	{"T03I-----", "BitTornado", "0.3.18"},
	{"T03I01---", "BitTornado", "0.3.18.0.1"},
	{"LIME", "LimeWire", ""},
	{"Pando-", "Pando", ""},
	{"-PD0200-", "Pando", "0.2.0"},
	{"-LP0302-", "Lphant", "3.02"},
	{"-NX2550-", "Net Transport", "2.5.5"},
	{"-TT2130-", "TuoTu", "2.1.3"},
	{"-VG2710-", "Vagaa", "2.7.1"},
	{"QVOD0054ABFFEDCCDEDB", "Qvod", "0.0.5.4"},
	{"S3-1-0-0--", "Amazon S3", "1.0.0"},
	{"BLZ\x00", "Blizzard Downloader", ""},
	{"PEERAPP", "PeerApp", ""},
	{"-SM1020-", "SoMud", "1.0.2"},
	{"-TB2000-", "Torch", "2.0.0"},
	{"-XX1150-", "Xtorrent", "1.1.5"},

	// Relics: named, and without an index.
	{"S58B-----", "Shadow's client", "5.8.11"},
	{"S587-----", "Shadow's client", "5.8.7"},
	{"O15------", "Osprey Permaseed", "1.5"},
	{"Q12------", "BTQueue", "1.2"},
	{"U10------", "UPnP NAT Bit Torrent", "1.0"},
	{"Q1-0-0--", "Queen Bee", "1.0.0"},
	{"Q1-10-0-", "Queen Bee", "1.10.0"},
	{"AZ2500BTeyuzyabAfo6U", "BitTyrant", ""},
	{"-BOWA0C-NXYTRQPLWXFD", "Bits on Wheels", "1.0.6"},
	{"-BOWA0B-NXYTRQPLWXFD", "Bits on Wheels", "1.0.5"},
	{"-BOWZZZ-NXYTRQPLWXFD", "Bits on Wheels", ""},
	{"-G3g3rmz    ", "G3 Torrent", ""},
	{"-NE1090002IKyMn4g7Ko", "BT Next Evolution", "1.0.9"},
	{"346------", "TorrenTopia", ""},
	{"271-", "GreedBT", ""},
	{"10-------", "JVtorrent", ""},
	{"Mbrst1-1-32ae9", "Burst!", "1.1.3"},
	{"Plus---", "BitTorrent Plus!", ""},
	{"PRC.P---", "BitTorrent Plus!", ""},
	{"turbobt", "TurboBT", ""},
	{"BTDWV-", "Deadman Walking", ""},
	{"Deadman Walking-", "Deadman Walking", ""},
	{"DansClient", "XanTorrent", ""},
	{"btuga", "BTuga", ""},
	{"\x01\x02\x03\x04\x05BTuga", "BTuga", ""},
	{"\x01\x02\x03\x04btfans", "SimpleBT", ""},
	{"07RSnick", "Rufus", "0.7"},
	{"AP0.70rc30->>", "AllPeers", "0.70rc30"},
	{"eXnick", "eXeem", ""},
	{"-TS0100-", "TorrentStorm", "0.1.0"},
	{"T00---0", "Teeweety", ""},
	{"a00---0", "Swarmy", ""},
	{"arclight", "Hurricane Electric", ""},
	{"-st0100-", "sharktorrent", "0.1.0"},
	{"-AX0123-", "BitPump", "1.23"},

	// Versions that are not in their client's convention.
	{"-qB\x00\x00\x00\x00-", "qBittorrent", ""},
	{"-TR3.00-", "Transmission", ""},
	{"-TR/000-", "Transmission", ""},
	{"-TR40.0-", "Transmission", ""},
	{"-BC01.2-", "BitComet", ""},
	{"-UT3.5W-", "µTorrent", ""},
	{"-UT..0B-", "µTorrent", ""},
	{"-KT2xR1-", "KTorrent", ""},
	{"exbc\x64\x00", "BitComet", ""},
	{"exbc\x00\x64", "BitComet", ""},
	{"A2-1-37x", "aria2", ""},
	{"A2-1234-", "aria2", ""},
	{"A2-1--", "aria2", "1"},
	{"-ML2.7\n2-", "MLdonkey", ""},
	{"-ML2222222222222222.", "MLdonkey", ""},
	{"-ML2222222222222222-", "MLdonkey", "2222222222222222"},
	{"-RN1\xff2-", "rain", ""},

	// Nothing known, if only just.
	{"-XY1234-", "", ""},
	{"-qB4650", "", ""},
	{"qB4650-", "", ""},
	{"-qb4650-", "", ""},
	{"-QB4650-", "", ""},
	{"-FG01x0-", "", ""},
	{"-NE10x0002", "", ""},
	{"-MLx.7.2-", "", ""},
	{"-RNx.7.2-", "", ""},
	{"-aria3-", "", ""},
	{"-BOXA0C-", "", ""},
	{"-\x00\x00\x00\x00\x00\x00-", "", ""},
	{"-\xff\xff\x00\x00\x00\x00-", "", ""},
	{"M7-2-3", "", ""},
	{"M7-123-3-", "", ""},
	{"N7-2-3--", "", ""},
	{"T0-------", "", ""},
	{"T03I--x---", "BitTornado", "0.3.18"},
	{"T03I-x----", "", ""},
	{"T03I01--x", "", ""},
	{"V03I-----", "", ""},
	{"TIX013x-", "", ""},
	{"OP768x", "", ""},
	{"x7RSnick", "", ""},
	{"\x01\x03BS", "", ""},
	{"\x00\x01BS", "", ""},
	{"\x00\x04BS", "", ""},
	{"AP0-70", "", ""},
	{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", ""},
	{strings.Repeat("\x00", 20), "", ""},
	{strings.Repeat("\xff", 20), "", ""},
	{strings.Repeat("-", 20), "", ""},
}

func TestPublished(t *testing.T) {
	met := map[uint8]bool{}
	for _, test := range published {
		id := pad(test.id)
		want := Client{test.name, test.version}
		if got := Parse(id); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", id[:], got, want)
		}
		index := Index(id)
		if index != 0 && Name(index) != test.name {
			t.Errorf("Index(%q) is that of %q, want that of %q", id[:], Name(index), test.name)
		}
		met[index] = true
	}
	for index := range uint8(MaxIndex + 1) {
		if Name(index) != "" && !met[index] {
			t.Errorf("no published ID is one of %s", Name(index))
		}
	}
}

func TestClientString(t *testing.T) {
	for want, client := range map[string]Client{
		"unknown":           {},
		"Pando":             {Name: "Pando"},
		"qBittorrent 4.6.5": {Name: "qBittorrent", Version: "4.6.5"},
	} {
		if got := client.String(); got != want {
			t.Errorf("%+v is %q, want %q", client, got, want)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, bench := range []struct{ name, id string }{
		{"azureus", "-qB4650-"},
		{"azureus unknown", "-XY1234-"},
		{"dotted", "-ML2.7.2-"},
		{"mainline", "M7-10-5-"},
		{"shadow", "T03I-----"},
		{"odd", "A2-1-37-0-"},
		{"unknown", "\x9c\xbc\xfa"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			id := pad(bench.id)
			for b.Loop() {
				Index(id)
			}
		})
	}
	b.Run("mixed", func(b *testing.B) { // a branch predictor learns the others
		var ids [256]shoal.PeerID
		for i := range ids {
			ids[i] = pad(published[i*7%len(published)].id)
		}
		n := 0
		for b.Loop() {
			Index(ids[n%len(ids)])
			n++
		}
	})
}
