package shoal

// ScrapeCounts is what a scrape tells of one torrent (BEP 15 and BEP 48).
// An unknown torrent has zeroes.
type ScrapeCounts struct {
	Complete   uint32 // seeders
	Downloaded uint32 // times a leecher became a seeder here
	Incomplete uint32 // leechers
}
