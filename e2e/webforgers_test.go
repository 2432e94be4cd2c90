//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"slices"
)

// What Shoal says to an answer that nobody waits for, and to one torrent too
// many.
const (
	offerGone       = "no offer of this peer_id and offer_id waits for an answer here: it may have expired"
	torrentsTooMany = "too many torrents over one connection: 1000 at most"
)

// manyTorrents announces one torrent more than a connection may.
func manyTorrents(a *attacker) error {
	s, err := a.open()
	if err != nil {
		return err
	}
	var torrents [][20]byte
	var all []byte
	peerID := randomID()
	for range mostTorrent + 1 {
		infoHash := randomID()
		torrents = append(torrents, infoHash)
		all = appendFrame(all, final|opText, marshal(leecherOf(infoHash, peerID)))
	}
	go s.conn.Write(all)
	for i, infoHash := range torrents {
		got, err := s.reply()
		if err != nil {
			return err
		}
		want := ""
		if i == mostTorrent {
			want = torrentsTooMany
		}
		if got.Failure != want || got.InfoHash != binaryString(infoHash[:]) {
			return fmt.Errorf("torrent %d: %+v, want the failure %q", i, got, want)
		}
		if want == "" {
			a.count(s, infoHash)
		}
	}
	// One torrent less, and there is room again.
	stopped := leecherOf(torrents[0], peerID)
	stopped.Event = "stopped"
	if _, err := s.announce(stopped); err != nil {
		return err
	}
	a.memberMu.Lock()
	a.members[torrents[0]]--
	a.joined[s] = slices.Delete(a.joined[s], 0, 1)
	a.memberMu.Unlock()
	_, err = a.join(s, torrents[mostTorrent], peerID)
	return err
}

// forgedAnswers knows what it cannot know: the info hash, the peer IDs and the
// offers of the couple, from which it takes offers away if Shoal lets it. Nine
// times out of ten that is not enough to be expelled.
func forgedAnswers(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	victim := a.couple
	forge := func(i int) webMessage {
		guess := randomID()
		m := answerOf(webMessage{
			InfoHash: binaryString(victim.infoHash[:]),
			PeerID:   binaryString(victim.offererID[:]),
			OfferID:  *victim.offering.Load(),
		}, victim.otherID, newSDP("answer"))
		switch i % 4 {
		case 1:
			m.OfferID = binaryString(guess[:])
		case 2:
			m.ToPeerID = binaryString(victim.otherID[:])
		case 3:
			m.InfoHash = binaryString(a.torrent[:])
		}
		return m
	}
	for range 3 {
		for i := range failuresIn - 1 {
			got, err := s.ask(forge(i))
			if err != nil {
				return err
			}
			if got.Failure != offerGone {
				return fmt.Errorf("a forged answer is answered with %+v", got)
			}
		}
		if _, err := s.scrape(a.torrent); err != nil {
			return err
		}
	}
	// Those before may all have been the late answers of a client that came back.
	last := lateAnswers - 3*(failuresIn-1) + failuresIn
	var all []byte
	for i := range last {
		all = appendFrame(all, final|opText, marshal(forge(i)))
	}
	if _, err := s.conn.Write(all); err != nil {
		return err
	}
	return a.expelled(s, closePolicy, last)
}

// trio is three sockets of one attacker.
func (a *attacker) trio() (sockets [3]*socket, err error) {
	for i := range sockets {
		if sockets[i], err = a.open(); err != nil {
			return sockets, err
		}
	}
	return sockets, nil
}

// stolenPeerID has a thief announce under the peer ID of a victim, after the
// victim and in the same torrent.
func stolenPeerID(a *attacker) error {
	sockets, err := a.trio()
	if err != nil {
		return err
	}
	victim, friend, thief := sockets[0], sockets[1], sockets[2]
	torrent, victimID, friendID := randomID(), randomID(), randomID()
	if _, err := a.join(friend, torrent, friendID); err != nil {
		return err
	}
	offerID := randomID()
	made := webOffer{binaryString(offerID[:]), flood(100)}
	if _, err := a.join(victim, torrent, victimID, made); err != nil {
		return err
	}
	got, err := friend.receive()
	if err != nil {
		return err
	}
	if !bytes.Equal(got.Offer, made.Offer) || got.PeerID != binaryString(victimID[:]) {
		return fmt.Errorf("the friend receives %+v", got)
	}
	if m, err := thief.announce(leecherOf(torrent, victimID)); err != nil || *m.Incomplete != 3 {
		return fmt.Errorf("the thief is answered with %+v, %w", m, err)
	}
	if err := a.answers(friend, got, friendID, "", 3); err != nil {
		return err
	}
	if got, err = victim.receive(); err != nil {
		return err
	}
	if got.Answer == nil || got.OfferID != made.OfferID || got.PeerID != binaryString(friendID[:]) {
		return fmt.Errorf("the victim receives %+v", got)
	}
	// Nor can the thief make it leave.
	stopped := leecherOf(torrent, victimID)
	stopped.Event = "stopped"
	if _, err := thief.announce(stopped); err != nil {
		return err
	}
	return quiet(torrent, 2, sockets[:]...)
}

// answers sends an answer and compares what Shoal says to it: a failure, or the
// counts of so many leechers.
func (a *attacker) answers(s *socket, m webMessage, peerID [20]byte, failure string, leechers int64) error {
	got, err := s.ask(answerOf(m, peerID, flood(100)))
	if err == nil && (got.Failure != failure || failure == "" && (got.Incomplete == nil || *got.Incomplete != leechers)) {
		err = fmt.Errorf("an answer is answered with %+v, want %q or %d leechers", got, failure, leechers)
	}
	return err
}

// quiet asks over each socket for the leechers of a torrent. Nothing else may
// come before that, nor have come.
func quiet(torrent [20]byte, leechers int64, sockets ...*socket) error {
	for i, s := range sockets {
		counts, err := s.scrape(torrent)
		if err == nil && (counts[0].incomplete != leechers || len(s.relayed) != 0) {
			err = fmt.Errorf("socket %d: %+v leechers, want %d, and was sent %+v", i, counts[0], leechers, s.relayed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// doubledAnswers has one who never received the offer answer it, and the one
// who did answer it twice, and once more in the name of the first.
func doubledAnswers(a *attacker) error {
	sockets, err := a.trio()
	if err != nil {
		return err
	}
	offerer, answerer, foreigner := sockets[0], sockets[1], sockets[2]
	torrent, offererID, answererID, foreignID := randomID(), randomID(), randomID(), randomID()
	if _, err := a.join(answerer, torrent, answererID); err != nil {
		return err
	}
	offerID := randomID()
	if _, err := a.join(offerer, torrent, offererID, webOffer{binaryString(offerID[:]), flood(100)}); err != nil {
		return err
	}
	offer, err := answerer.receive()
	if err != nil {
		return err
	}
	if _, err := a.join(foreigner, torrent, foreignID); err != nil {
		return err
	}
	for _, try := range []struct {
		by      *socket
		peerID  [20]byte
		failure string
	}{
		{foreigner, foreignID, offerGone},
		{foreigner, answererID, offerGone},
		{offerer, answererID, offerGone}, // to itself
		{answerer, answererID, ""},
		{answerer, answererID, offerGone},
		{foreigner, foreignID, offerGone},
	} {
		if err := a.answers(try.by, offer, try.peerID, try.failure, 3); err != nil {
			return err
		}
	}
	// It came to the offerer meanwhile, or comes now.
	got := offerer.relayed
	for offerer.relayed = nil; len(got) == 0; {
		m, err := offerer.receive()
		if err != nil {
			return err
		}
		got = append(got, m)
	}
	if len(got) != 1 || got[0].Answer == nil || got[0].PeerID != binaryString(answererID[:]) {
		return fmt.Errorf("the offerer receives %+v, want one answer", got)
	}
	return quiet(torrent, 3, sockets[:]...)
}
