package peerid

import "github.com/shoal-tracker/shoal"

// dashed knows the style of Azureus (BEP 20): a dash, a code of two characters,
// four of version and a dash, as in -qB4650-; and those who only begin like it.
func dashed(id *shoal.PeerID) match {
	code := uint16(id[1])<<8 | uint16(id[2])
	if id[7] == '-' {
		// A binary search without a branch to mispredict: codes[low] is the
		// greatest that is not above code.
		low := 0
		for n := len(codes); n > 1; {
			half := n / 2
			if codes[low+half] <= code {
				low += half
			}
			n -= half
		}
		if codes[low] == code {
			return match{azureus[low].client, azureus[low].version, 3}
		}
	}
	switch code {
	case 'B'<<8 | 'O':
		if id[3] == 'W' && id[7] == '-' {
			return match{bitsOnWheels, wheels, 4}
		}
	case 'F'<<8 | 'G':
		if digits(id[3:7]) { // no dash has to follow
			return match{flashGet, decimal, 3}
		}
	case 'G'<<8 | '3':
		return match{client: g3} // the name of its user follows
	case 'M'<<8 | 'L':
		if digit(id[3]) {
			return match{mlDonkey, dotted, 3}
		}
	case 'N'<<8 | 'E':
		if digits(id[3:7]) {
			return match{nextEvolution, plain, 3}
		}
	case 'R'<<8 | 'N':
		if digit(id[3]) {
			return match{rain, dotted, 3}
		}
	case 'T'<<8 | 'S':
		if string(id[3:8]) == "0008-" { // the library never changed it
			return match{client: torrentStream}
		}
		if id[7] == '-' {
			return match{torrentStorm, plain, 3}
		}
	case 'a'<<8 | 'r':
		if string(id[3:7]) == "ia2-" {
			return match{client: aria2}
		}
	}
	return match{}
}

// codes are the codes of azureus, close together for the search.
var codes = func() (c [len(azureus)]uint16) {
	for i := range azureus {
		c[i] = uint16(azureus[i].code[0])<<8 | uint16(azureus[i].code[1])
	}
	return c
}()

// azureus is sorted by code. Where two clients took the same code, it stands
// for the one seen in swarms today.
var azureus = [...]struct {
	code    string
	client  client
	version convention
}{
	{"7T", aTorrent, plain},
	{"AB", anyEvent, plain},
	{"AG", ares, plain},
	{"AN", ares, plain},
	{"AR", arctic, plain},
	{"AT", artemis, plain},
	{"AV", avicora, plain},
	{"AX", bitPump, decimal},
	{"AZ", vuze, four},
	{"A~", ares, plain},
	{"BB", bitBuddy, plain},
	{"BC", bitComet, decimal},
	{"BE", baretorrent, plain},
	{"BF", bitflu, silent},
	{"BG", btg, four},
	{"BI", biglyBT, four},
	{"BN", baiduNetdisk, plain},
	{"BP", bitTorrentPro, plain},
	{"BR", bitRocket, plain},
	{"BS", btSlave, plain},
	{"BT", bitTorrent, marked},
	{"BW", bitTorrentWeb, marked},
	{"BX", bitTorrentX, plain},
	{"CD", enhancedCTorrent, decimal},
	{"CT", cTorrent, plain},
	{"DE", deluge, marked},
	{"DP", propagate, plain},
	{"EB", eBit, plain},
	{"ES", electricSheep, plain},
	{"FC", fileCroc, plain},
	{"FD", freeDownloadManager, plain},
	{"FL", folx, plain},
	{"FT", foxTorrent, plain},
	{"FW", frostWire, plain},
	{"FX", freebox, plain},
	{"GP", gopeed, silent},
	{"GR", getRight, plain},
	{"GS", gsTorrent, plain},
	{"GT", anacrolix, four},
	{"HK", hekate, plain},
	{"HL", halite, plain},
	{"HM", hMule, plain},
	{"HN", hydranode, plain},
	{"IL", iLivid, plain},
	{"JS", justseed, plain},
	{"JT", javaTorrent, plain},
	{"KG", kGet, plain},
	{"KT", kTorrent, candidate},
	{"LC", leechCraft, plain},
	{"LH", lhABC, plain},
	{"LK", linkage, plain},
	{"LP", lphant, decimal},
	{"LT", libtorrent, plain},
	{"LW", limeWire, silent},
	{"Lr", libreTorrent, plain},
	{"MG", mediaGet, plain},
	{"MK", meerkat, plain},
	{"MO", monoTorrent, plain},
	{"MP", mooPolice, plain},
	{"MR", miro, plain},
	{"MT", moonlight, plain},
	{"NB", netBitTorrent, plain},
	{"NX", netTransport, plain},
	{"OS", oneSwarm, four},
	{"OT", omegaTorrent, plain},
	{"PB", protocolBitTorrent, plain},
	{"PC", cacheLogic, silent},
	{"PD", pando, plain},
	{"PE", peerProject, plain},
	{"PI", picoTorrent, plain},
	{"PT", popcornTime, plain},
	{"QD", qqDownload, plain},
	{"QT", qtExample, plain},
	{"RT", retriever, plain},
	{"RZ", rezTorrent, plain},
	{"SB", swiftbit, plain},
	{"SD", xunlei, plain},
	{"SG", gsTorrent, plain},
	{"SM", soMud, plain},
	{"SN", shareNET, plain},
	{"SP", bitSpirit, plain},
	{"SS", swarmScope, plain},
	{"ST", symTorrent, plain},
	{"SZ", shareaza, plain},
	{"S~", shareaza, plain},
	{"TB", torch, plain},
	{"TE", terasaur, plain},
	{"TL", tribler, plain},
	{"TN", torrentDotNET, plain},
	{"TR", transmission, ofTransmission},
	{"TT", tuoTu, plain},
	{"UE", uTorrentEmbedded, marked},
	{"UL", uLeecher, plain},
	{"UM", uTorrentMac, marked},
	{"UT", uTorrent, marked},
	{"UW", uTorrentWeb, marked},
	{"VG", vagaa, plain},
	{"WD", webTorrentDesktop, pairs},
	{"WT", bitLet, plain},
	{"WW", webTorrent, pairs},
	{"WY", fireTorrent, plain},
	{"XC", xtorrent, plain},
	{"XF", xfplay, plain},
	{"XL", xunlei, plain},
	{"XS", xSwifter, plain},
	{"XT", xanTorrent, plain},
	{"XX", xtorrent, plain},
	{"ZO", zona, four},
	{"ZT", zipTorrent, plain},
	{"bk", bitKitten, plain},
	{"lt", rTorrent, plain},
	{"pX", phoenix, plain},
	{"qB", qBittorrent, plain},
	{"rQ", rqbit, plain},
	{"st", sharktorrent, plain},
}
