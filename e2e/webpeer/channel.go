package main

import (
	"log"

	"github.com/pion/webrtc/v4"
)

const (
	pieceLength  = 16 << 10
	mostBuffered = 1 << 20 // bytes that a channel may hold back
)

// carry uses a data channel, whoever opened it.
func (p *peer) carry(channel *webrtc.DataChannel) {
	var got []byte
	more := make(chan struct{}, 1)
	channel.SetBufferedAmountLowThreshold(mostBuffered / 2)
	channel.OnBufferedAmountLow(func() {
		select {
		case more <- struct{}{}:
		default:
		}
	})
	channel.OnOpen(func() {
		p.crowd.channels.Add(1)
		p.mu.Lock()
		p.open[channel] = struct{}{}
		whole := p.data != nil
		p.mu.Unlock()
		if whole {
			p.tell(channel, "have")
		}
	})
	channel.OnClose(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, channel)
		if p.fetching == channel {
			p.fetching = nil
		}
	})
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		switch {
		case !m.IsString:
			got = append(got, m.Data...)
			if int64(len(got)) == p.crowd.size {
				p.finish(got)
			}
		case string(m.Data) == "have":
			p.mu.Lock()
			wants := p.data == nil && p.fetching == nil
			if wants {
				p.fetching = channel
			}
			p.mu.Unlock()
			if wants {
				p.tell(channel, "want")
			}
		case string(m.Data) == "want":
			go p.pour(channel, more)
		}
	})
}

func (p *peer) tell(channel *webrtc.DataChannel, word string) {
	if err := channel.SendText(word); err != nil {
		log.Printf("peer %d: saying %q: %v", p.number, word, err)
	}
}

// pour sends the data.
func (p *peer) pour(channel *webrtc.DataChannel, more <-chan struct{}) {
	p.mu.Lock()
	rest := p.data
	p.mu.Unlock()
	for len(rest) > 0 {
		for channel.BufferedAmount() > mostBuffered {
			<-more
		}
		n := min(pieceLength, len(rest))
		if err := channel.Send(rest[:n]); err != nil {
			log.Printf("peer %d: sending the data: %v", p.number, err)
			return
		}
		rest = rest[n:]
	}
}

// finish makes a seeder of the peer.
func (p *peer) finish(data []byte) {
	if err := p.crowd.store(p.number, data); err != nil {
		log.Fatal(err)
	}
	p.mu.Lock()
	p.data = data
	var channels []*webrtc.DataChannel
	for channel := range p.open {
		channels = append(channels, channel)
	}
	p.mu.Unlock()
	p.crowd.held.Add(p.crowd.size)
	for _, channel := range channels {
		p.tell(channel, "have")
	}
	// Not here: whoever calls back about the data waits for this to return.
	go p.do("announcing", func() error { return p.announce("completed") })
}
