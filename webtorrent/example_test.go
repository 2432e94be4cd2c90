package webtorrent_test

import (
	"fmt"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// What a server does with an announce.
func ExampleParse() {
	message := []byte(`{"action":"announce","info_hash":"an info hash's bytes","peer_id":"-SH0001-abcdefghijkl",` +
		`"left":0,"offers":[{"offer":{"type":"offer","sdp":"v=0\r\n"},"offer_id":"made up by one of us"}]}`)
	var req shoal.AnnounceRequest // a worker's own, as is the message
	var m webtorrent.Message
	if failure := webtorrent.Parse(message, &req, &m); failure != shoal.OK {
		fmt.Printf("%s\n", webtorrent.AppendFailure(nil, m.Kind, m.InfoHashText, failure))
		return
	}
	fmt.Println(m.Kind, "of", req.InfoHash, "seeder:", req.Seeder())

	// To the one who asked:
	res := shoal.AnnounceResponse{Interval: 120, Complete: 1, Incomplete: 1}
	fmt.Printf("%s\n", webtorrent.AppendAnnounceReply(nil, m.InfoHashText, &res))

	// To a peer picked from the torrent:
	offer := m.Offers[0]
	fmt.Printf("%s\n", webtorrent.AppendOffer(nil, &req.InfoHash, m.PeerIDText, offer.IDText, offer.SDP))
	// Output:
	// announce of 616e20696e666f20686173682773206279746573 seeder: true
	// {"action":"announce","info_hash":"an info hash's bytes","interval":120,"complete":1,"incomplete":1}
	// {"action":"announce","info_hash":"an info hash's bytes","peer_id":"-SH0001-abcdefghijkl","offer_id":"made up by one of us","offer":{"type":"offer","sdp":"v=0\r\n"}}
}

// What a client does: it announces, and answers the offers that come.
func ExampleParseReply() {
	req := shoal.AnnounceRequest{Left: shoal.LeftUnknown, NumWant: shoal.NumWantDefault, Event: shoal.EventStarted}
	copy(req.InfoHash[:], "an info hash's bytes")
	copy(req.PeerID[:], "-SH0001-abcdefghijkl")
	fmt.Printf("%s\n", webtorrent.AppendAnnounce(nil, &req, nil))

	var reply webtorrent.Reply
	err := webtorrent.ParseReply([]byte(`{"action":"announce","info_hash":"an info hash's bytes","peer_id":"-SH0001-another one.",`+
		`"offer_id":"made up by one of us","offer":{"type":"offer","sdp":"v=0\r\n"}}`), &reply)
	fmt.Printf("%v %s %v\n", reply.Kind, reply.SDP, err)
	answer := webtorrent.Raw(`{"type":"answer","sdp":"v=0\r\n"}`)
	fmt.Printf("%s\n", webtorrent.AppendAnswerTo(nil, &req, reply.PeerID, reply.OfferID, answer))
	// Output:
	// {"action":"announce","info_hash":"an info hash's bytes","peer_id":"-SH0001-abcdefghijkl","uploaded":0,"downloaded":0,"event":"started"}
	// offer {"type":"offer","sdp":"v=0\r\n"} <nil>
	// {"action":"announce","info_hash":"an info hash's bytes","peer_id":"-SH0001-abcdefghijkl","to_peer_id":"-SH0001-another one.","offer_id":"made up by one of us","answer":{"type":"answer","sdp":"v=0\r\n"}}
}

func ExampleAppendScrapeReply() {
	var req shoal.AnnounceRequest
	var m webtorrent.Message
	failure := webtorrent.Parse([]byte(`{"action":"scrape","info_hash":["616e20696e666f206861736827732062797465ff"]}`), &req, &m)
	fmt.Println(m.Kind, len(m.Hashes), failure == shoal.OK)

	counts := []shoal.ScrapeCounts{{Complete: 5, Downloaded: 9, Incomplete: 3}}
	fmt.Printf("%s\n", webtorrent.AppendScrapeReply(nil, m.Hashes, counts, 900))
	// Output:
	// scrape 1 true
	// {"action":"scrape","files":{"an info hash's byteÿ":{"complete":5,"incomplete":3,"downloaded":9}},"flags":{"min_request_interval":900}}
}
