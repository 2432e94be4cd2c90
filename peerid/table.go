package peerid

// MaxIndex is the greatest index a client can have: it fits into 7 bits.
const MaxIndex = 1<<7 - 1

// A client is the number of one: its index up to MaxIndex, a relic above.
type client uint8

const unknown client = 0

// The clients with an index. Swarms keep these numbers and other nodes or
// later releases may read them, so the order is fixed for good: append only,
// with the golden list of the test, and never give a number away again. The
// free ones are for clients yet to come; a client that is gone does not get one.
const (
	qBittorrent client = iota + 1
	uTorrent
	transmission
	libtorrent
	bitTorrent
	deluge
	rTorrent
	biglyBT
	vuze
	bitComet
	tixati
	xunlei
	webTorrent
	webTorrentDesktop
	anacrolix
	aria2
	kTorrent
	freeDownloadManager
	picoTorrent
	rqbit
	uTorrentMac
	uTorrentWeb
	uTorrentEmbedded
	bitTorrentWeb
	mediaGet
	folx
	frostWire
	libreTorrent
	rain
	gopeed
	torrentStream
	aTorrent
	tribler
	popcornTime
	zona
	baiduNetdisk
	qqDownload
	flashGet
	bitSpirit
	xfplay
	shareaza
	monoTorrent
	bitLord
	ares
	halite
	miro
	opera
	freebox
	iLivid
	justseed
	leechCraft
	kGet
	oneSwarm
	bitflu
	enhancedCTorrent
	cTorrent
	btg
	btpd
	mlDonkey
	xbt
	abc
	bitTornado
	limeWire
	pando
	lphant
	netTransport
	tuoTu
	vagaa
	qvod
	amazonS3
	blizzard
	peerApp
	soMud
	torch
	xtorrent
)

// names are in the spelling of the clients' own sites. Two libraries share a
// name, so each has in brackets who is behind it; rTorrent's IDs carry the
// version of its library.
var names = [256]string{
	qBittorrent:         "qBittorrent",
	uTorrent:            "µTorrent",
	transmission:        "Transmission",
	libtorrent:          "libtorrent (Rasterbar)",
	bitTorrent:          "BitTorrent",
	deluge:              "Deluge",
	rTorrent:            "libTorrent (rTorrent)",
	biglyBT:             "BiglyBT",
	vuze:                "Vuze",
	bitComet:            "BitComet",
	tixati:              "Tixati",
	xunlei:              "Xunlei",
	webTorrent:          "WebTorrent",
	webTorrentDesktop:   "WebTorrent Desktop",
	anacrolix:           "anacrolix/torrent",
	aria2:               "aria2",
	kTorrent:            "KTorrent",
	freeDownloadManager: "Free Download Manager",
	picoTorrent:         "PicoTorrent",
	rqbit:               "rqbit",
	uTorrentMac:         "µTorrent Mac",
	uTorrentWeb:         "µTorrent Web",
	uTorrentEmbedded:    "µTorrent Embedded",
	bitTorrentWeb:       "BitTorrent Web",
	mediaGet:            "MediaGet",
	folx:                "Folx",
	frostWire:           "FrostWire",
	libreTorrent:        "LibreTorrent",
	rain:                "rain",
	gopeed:              "Gopeed",
	torrentStream:       "torrent-stream",
	aTorrent:            "aTorrent",
	tribler:             "Tribler",
	popcornTime:         "Popcorn Time",
	zona:                "Zona",
	baiduNetdisk:        "Baidu Netdisk",
	qqDownload:          "QQDownload",
	flashGet:            "FlashGet",
	bitSpirit:           "BitSpirit",
	xfplay:              "Xfplay",
	shareaza:            "Shareaza",
	monoTorrent:         "MonoTorrent",
	bitLord:             "BitLord",
	ares:                "Ares",
	halite:              "Halite",
	miro:                "Miro",
	opera:               "Opera",
	freebox:             "Freebox",
	iLivid:              "iLivid",
	justseed:            "Justseed.it",
	leechCraft:          "LeechCraft",
	kGet:                "KGet",
	oneSwarm:            "OneSwarm",
	bitflu:              "Bitflu",
	enhancedCTorrent:    "Enhanced CTorrent",
	cTorrent:            "CTorrent",
	btg:                 "BTG",
	btpd:                "btpd",
	mlDonkey:            "MLdonkey",
	xbt:                 "XBT Client",
	abc:                 "ABC",
	bitTornado:          "BitTornado",
	limeWire:            "LimeWire",
	pando:               "Pando",
	lphant:              "Lphant",
	netTransport:        "Net Transport",
	tuoTu:               "TuoTu",
	vagaa:               "Vagaa",
	qvod:                "Qvod",
	amazonS3:            "Amazon S3",
	blizzard:            "Blizzard Downloader",
	peerApp:             "PeerApp",
	soMud:               "SoMud",
	torch:               "Torch",
	xtorrent:            "Xtorrent",

	// relics
	allPeers:           "AllPeers",
	anyEvent:           "AnyEvent::BitTorrent",
	arclight:           "Hurricane Electric",
	arctic:             "Arctic",
	artemis:            "Artemis",
	avicora:            "Avicora",
	bTuga:              "BTuga",
	baretorrent:        "Baretorrent",
	bitBuddy:           "BitBuddy",
	bitKitten:          "BitKitten",
	bitLet:             "BitLet",
	bitPump:            "BitPump",
	bitRocket:          "BitRocket",
	bitTorrentPro:      "BitTorrent Pro",
	bitTorrentX:        "BittorrentX",
	bitTyrant:          "BitTyrant",
	bitsOnWheels:       "Bits on Wheels",
	btQueue:            "BTQueue",
	btSlave:            "BTSlave",
	burst:              "Burst!",
	cacheLogic:         "CacheLogic",
	deadman:            "Deadman Walking",
	eBit:               "EBit",
	eXeem:              "eXeem",
	electricSheep:      "Electric Sheep",
	fileCroc:           "FileCroc",
	fireTorrent:        "FireTorrent",
	foxTorrent:         "FoxTorrent",
	g3:                 "G3 Torrent",
	getRight:           "GetRight",
	greedBT:            "GreedBT",
	gsTorrent:          "GSTorrent",
	hMule:              "hMule",
	hekate:             "Hekate",
	hydranode:          "Hydranode",
	javaTorrent:        "JavaTorrent",
	jvTorrent:          "JVtorrent",
	lhABC:              "LH-ABC",
	linkage:            "Linkage",
	martini:            "Martini Man",
	meerkat:            "Meerkat",
	mooPolice:          "MooPolice",
	moonlight:          "MoonlightTorrent",
	netBitTorrent:      "Net::BitTorrent",
	nextEvolution:      "BT Next Evolution",
	omegaTorrent:       "OmegaTorrent",
	osprey:             "Osprey Permaseed",
	peerProject:        "PeerProject",
	phoenix:            "pHoeniX",
	plus:               "BitTorrent Plus!",
	propagate:          "Propagate Data Client",
	protocolBitTorrent: "Protocol::BitTorrent",
	qtExample:          "Qt 4 Torrent example",
	queenBee:           "Queen Bee",
	retriever:          "Retriever",
	rezTorrent:         "RezTorrent",
	rufus:              "Rufus",
	shadows:            "Shadow's client",
	shareNET:           "ShareNET",
	sharktorrent:       "sharktorrent",
	simpleBT:           "SimpleBT",
	swarmScope:         "SwarmScope",
	swarmy:             "Swarmy",
	swiftbit:           "Swiftbit",
	symTorrent:         "SymTorrent",
	teeweety:           "Teeweety",
	terasaur:           "terasaur Seed Bank",
	torrenTopia:        "TorrenTopia",
	torrentDotNET:      "TorrentDotNET",
	torrentStorm:       "TorrentStorm",
	turboBT:            "TurboBT",
	uLeecher:           "uLeecher!",
	upnp:               "UPnP NAT Bit Torrent",
	xSwifter:           "XSwifter",
	xanTorrent:         "XanTorrent",
	zipTorrent:         "ZipTorrent",
}
