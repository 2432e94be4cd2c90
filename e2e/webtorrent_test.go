//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// webMessage is any message of the WebTorrent tracker protocol, either way.
// Binary strings have a character up to U+00FF for each byte.
type webMessage struct {
	Action   string          `json:"action,omitempty"`
	InfoHash string          `json:"info_hash,omitempty"`
	PeerID   string          `json:"peer_id,omitempty"`
	ToPeerID string          `json:"to_peer_id,omitempty"`
	OfferID  string          `json:"offer_id,omitempty"`
	Offer    json.RawMessage `json:"offer,omitempty"`
	Answer   json.RawMessage `json:"answer,omitempty"`
	Offers   []webOffer      `json:"offers,omitempty"`
	Left     *int64          `json:"left,omitempty"`
	Event    string          `json:"event,omitempty"`

	Interval   *int64             `json:"interval,omitempty"`
	Complete   *int64             `json:"complete,omitempty"`
	Incomplete *int64             `json:"incomplete,omitempty"`
	Files      map[string]webFile `json:"files,omitempty"`
	Failure    string             `json:"failure reason,omitempty"`
}

type webOffer struct {
	OfferID string          `json:"offer_id"`
	Offer   json.RawMessage `json:"offer"`
}

type webFile struct{ Complete, Incomplete, Downloaded int64 }

// webScrape asks for the counts of torrents.
type webScrape struct {
	Action   string   `json:"action"`
	InfoHash []string `json:"info_hash"`
}

// binaryString spells bytes as the protocol does.
func binaryString(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// leecherOf is an announce of a leecher.
func leecherOf(infoHash, peerID [20]byte, offers ...webOffer) webMessage {
	left := int64(1)
	return webMessage{
		Action: "announce", InfoHash: binaryString(infoHash[:]), PeerID: binaryString(peerID[:]),
		Left: &left, Offers: offers,
	}
}

// answerOf is an answer to an offer that was received.
func answerOf(m webMessage, peerID [20]byte, answer json.RawMessage) webMessage {
	return webMessage{
		Action: "announce", InfoHash: m.InfoHash, PeerID: binaryString(peerID[:]),
		ToPeerID: m.PeerID, OfferID: m.OfferID, Answer: answer,
	}
}

// isRelayed reports whether another peer said it.
func (m *webMessage) isRelayed() bool { return m.Offer != nil || m.Answer != nil }

// reply reads until Shoal itself says something. What it relays before that
// goes to relayed.
func (s *socket) reply() (webMessage, error) {
	for {
		m, err := s.receive()
		if err != nil || !m.isRelayed() {
			return m, err
		}
		s.relayed = append(s.relayed, m)
	}
}

// ask sends a message and returns what Shoal replies.
func (s *socket) ask(message any) (webMessage, error) {
	if err := s.send(message); err != nil {
		return webMessage{}, err
	}
	return s.reply()
}

// announce fails if it is refused.
func (s *socket) announce(m webMessage) (webMessage, error) {
	got, err := s.ask(m)
	switch {
	case err != nil:
		return got, err
	case got.Failure != "":
		return got, &refusal{got.Failure}
	case got.Action != "announce" || got.InfoHash != m.InfoHash || got.Interval == nil || got.Complete == nil || got.Incomplete == nil:
		return got, fmt.Errorf("an announce of %q is answered with %+v", m.InfoHash, got)
	}
	return got, nil
}

// mostScraped is how many torrents Shoal takes in one scrape.
const mostScraped = 255

// scrape asks for torrents, all over this socket.
func (s *socket) scrape(infoHashes ...[20]byte) ([]swarmCounts, error) {
	var counts []swarmCounts
	for some := range slices.Chunk(infoHashes, mostScraped) {
		ask := webScrape{Action: "scrape"}
		for _, infoHash := range some {
			ask.InfoHash = append(ask.InfoHash, binaryString(infoHash[:]))
		}
		got, err := s.ask(ask)
		if err != nil {
			return nil, err
		}
		if got.Failure != "" {
			return nil, &refusal{got.Failure}
		}
		if got.Action != "scrape" || len(got.Files) != len(some) {
			return nil, fmt.Errorf("a scrape of %d torrents is answered with %d: %+v", len(some), len(got.Files), got)
		}
		for _, key := range ask.InfoHash {
			file, ok := got.Files[key]
			if !ok {
				return nil, fmt.Errorf("a scrape of %q is answered with %+v", key, got.Files)
			}
			counts = append(counts, swarmCounts{complete: file.Complete, downloaded: file.Downloaded, incomplete: file.Incomplete})
		}
	}
	return counts, nil
}

// scrapeWeb asks over a connection of its own, without TLS.
func scrapeWeb(h *host, tracker netip.AddrPort, infoHash [20]byte) (swarmCounts, error) {
	return scrapeWebAt(h, tracker, "/announce", infoHash)
}

func scrapeWebAt(h *host, tracker netip.AddrPort, target string, infoHash [20]byte) (swarmCounts, error) {
	s, err := openSocketAt(h, tracker, target, nil)
	if err != nil {
		return swarmCounts{}, err
	}
	defer s.conn.Close()
	counts, err := s.scrape(infoHash)
	if err != nil {
		return swarmCounts{}, err
	}
	return counts[0], nil
}
