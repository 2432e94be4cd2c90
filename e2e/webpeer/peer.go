package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// offersEach is how many offers go with an announce.
const offersEach = 5

// message is any message, either way.
type message struct {
	Action   string                     `json:"action"`
	InfoHash string                     `json:"info_hash"`
	PeerID   string                     `json:"peer_id,omitempty"`
	ToPeerID string                     `json:"to_peer_id,omitempty"`
	OfferID  string                     `json:"offer_id,omitempty"`
	Offer    *webrtc.SessionDescription `json:"offer,omitempty"`
	Answer   *webrtc.SessionDescription `json:"answer,omitempty"`
	Failure  string                     `json:"failure reason,omitempty"`
	Interval int                        `json:"interval,omitempty"`

	*announce
}

// announce is what only an announce says.
type announce struct {
	NumWant    int     `json:"numwant"`
	Uploaded   int64   `json:"uploaded"`
	Downloaded int64   `json:"downloaded"`
	Left       int64   `json:"left"`
	Event      string  `json:"event,omitempty"`
	Offers     []offer `json:"offers"`
}

type offer struct {
	OfferID string                     `json:"offer_id"`
	Offer   *webrtc.SessionDescription `json:"offer"`
}

// peer is one of the crowd.
type peer struct {
	crowd            *crowd
	number           int
	infoHash, peerID string
	api              *webrtc.API

	saying sync.Mutex // around writes
	socket *websocket.Conn

	mu       sync.Mutex
	data     []byte // nil until it has it
	fetching *webrtc.DataChannel
	offered  map[string]*webrtc.PeerConnection
	open     map[*webrtc.DataChannel]struct{}
}

func newPeer(c *crowd, number int) (*peer, error) {
	infoHash, err := hex.DecodeString(c.infoHash)
	if err != nil {
		return nil, err
	}
	var settings webrtc.SettingEngine
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return &peer{
		crowd:    c,
		number:   number,
		infoHash: binary(infoHash),
		peerID:   randomID(),
		api:      webrtc.NewAPI(webrtc.WithSettingEngine(settings)),
		offered:  map[string]*webrtc.PeerConnection{},
		open:     map[*webrtc.DataChannel]struct{}{},
	}, nil
}

// binary spells bytes as the protocol does, a character up to U+00FF each.
func binary(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

func randomID() string {
	b := make([]byte, 20)
	rand.Read(b)
	return binary(b)
}

// live connects, and again whenever the connection ends.
func (p *peer) live(ctx context.Context) {
	for ctx.Err() == nil {
		if err := p.attend(ctx); err != nil {
			log.Printf("peer %d: %v", p.number, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// attend speaks with the tracker over one connection.
func (p *peer) attend(ctx context.Context) error {
	socket, _, err := websocket.DefaultDialer.DialContext(ctx, p.crowd.tracker, nil)
	if err != nil {
		return fmt.Errorf("connecting to the tracker: %w", err)
	}
	defer socket.Close()
	p.saying.Lock()
	p.socket = socket
	p.saying.Unlock()
	if err := p.announce("started"); err != nil {
		return err
	}
	var again *time.Timer
	defer func() {
		if again != nil {
			again.Stop()
		}
	}()
	for {
		var m message
		if err := socket.ReadJSON(&m); err != nil {
			return fmt.Errorf("reading from the tracker: %w", err)
		}
		switch {
		case m.Failure != "" || m.InfoHash != p.infoHash:
			p.crowd.refused.Add(1)
			log.Printf("peer %d: unexpected message: %+v", p.number, m)
		case m.Offer != nil:
			go p.do("answering", func() error { return p.answer(m) })
		case m.Answer != nil:
			if err := p.answered(m); err != nil {
				p.crowd.refused.Add(1)
				log.Printf("peer %d: an answer: %v", p.number, err)
			}
		case m.Interval > 0:
			if again != nil {
				again.Stop()
			}
			again = time.AfterFunc(time.Duration(m.Interval)*time.Second, func() {
				p.do("announcing", func() error { return p.announce("") })
			})
		}
	}
}

func (p *peer) do(what string, f func() error) {
	if err := f(); err != nil {
		log.Printf("peer %d: %s: %v", p.number, what, err)
	}
}

func (p *peer) say(m message) error {
	m.Action, m.InfoHash, m.PeerID = "announce", p.infoHash, p.peerID
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	p.saying.Lock()
	defer p.saying.Unlock()
	return p.socket.WriteMessage(websocket.TextMessage, text)
}

// announce gives up the offers that nobody has answered, and makes new ones.
func (p *peer) announce(event string) error {
	p.mu.Lock()
	for id, pc := range p.offered {
		delete(p.offered, id)
		go pc.Close()
	}
	whole := p.data != nil
	p.mu.Unlock()
	a := &announce{NumWant: offersEach, Event: event, Left: p.crowd.size}
	if whole {
		a.Left, a.Downloaded = 0, p.crowd.size
	}
	for range offersEach {
		pc, err := p.api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			return err
		}
		channel, err := pc.CreateDataChannel("data", nil)
		if err != nil {
			return err
		}
		p.carry(channel)
		description, err := pc.CreateOffer(nil)
		if err != nil {
			return err
		}
		if err := describe(pc, description); err != nil {
			return err
		}
		id := randomID()
		p.mu.Lock()
		p.offered[id] = pc
		p.mu.Unlock()
		a.Offers = append(a.Offers, offer{id, pc.LocalDescription()})
	}
	return p.say(message{announce: a})
}

// describe returns when all addresses are gathered.
func describe(pc *webrtc.PeerConnection, description webrtc.SessionDescription) error {
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(description); err != nil {
		return err
	}
	<-gathered
	return nil
}

func (p *peer) answer(m message) error {
	pc, err := p.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	pc.OnDataChannel(p.carry)
	if err := pc.SetRemoteDescription(*m.Offer); err != nil {
		return err
	}
	description, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	if err := describe(pc, description); err != nil {
		return err
	}
	return p.say(message{ToPeerID: m.PeerID, OfferID: m.OfferID, Answer: pc.LocalDescription()})
}

// answered takes an answer to an offer of its own. One that came after the next
// announce is of no use any more.
func (p *peer) answered(m message) error {
	p.mu.Lock()
	pc := p.offered[m.OfferID]
	delete(p.offered, m.OfferID)
	p.mu.Unlock()
	if pc == nil {
		log.Printf("peer %d: a late answer", p.number)
		return nil
	}
	return pc.SetRemoteDescription(*m.Answer)
}
