package wsserver

import (
	"sync"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// fragments puts messages together that came in more than one frame. It holds
// memory only between the first of them and the last.
type fragments struct{ begun *begun }

// begun is a message of which the end is still to come.
type begun struct {
	opcode opcode
	by     shoal.Tick // when the end must be there; set by whoever has a clock
	b      []byte
}

var begunPool = sync.Pool{New: func() any { return new(begun) }}

// add takes a frame that is not a control frame. done says that a message is
// complete: the frame's own payload, or memory that is good until drop.
func (p *fragments) add(f frame) (message []byte, is opcode, done bool, wrong closeCode) {
	if (f.opcode == continuation) != (p.begun != nil) {
		return nil, 0, false, codeProtocol // nothing to go on with, or something else
	}
	if p.begun == nil {
		if f.final {
			return f.payload, f.opcode, true, noCode
		}
		p.begun = begunPool.Get().(*begun)
		p.begun.opcode = f.opcode
	}
	m := p.begun
	need := len(m.b) + len(f.payload)
	if need > webtorrent.MaxMessage {
		return nil, 0, false, codeTooBig
	}
	if need > cap(m.b) {
		grown := append(borrow(need), m.b...)
		giveBack(m.b)
		m.b = grown
	}
	m.b = append(m.b, f.payload...)
	if !f.final {
		return nil, 0, false, noCode
	}
	return m.b, m.opcode, true, noCode
}

// drop gives the memory back.
func (p *fragments) drop() {
	if m := p.begun; m != nil {
		giveBack(m.b)
		*m = begun{}
		begunPool.Put(m)
		p.begun = nil
	}
}
