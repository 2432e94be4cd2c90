package httpserver

import (
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// upgrade appends the answer to a request for a WebSocket, and hands the
// connection over if it is granted. Otherwise it is closed: whoever speaks
// WebSocket takes nothing else from here.
func (c *connection) upgrade(conn *streamio.Conn, r *request, out []byte) []byte {
	r.keepAlive = false
	r.kind = upgradeKind
	f := r.nameless
	if f == shoal.OK && r.fromProxy {
		f = shoal.ForwardedMissing // no message can say it for the proxy
	}
	if f != shoal.OK {
		r.refused = true
		return appendRefusedUpgrade(out, f)
	}
	// Not r itself: then every request would be made in the heap, for the
	// function below.
	fields := r.fields
	header := func(name string) []byte {
		value, ok := field(fields, name)
		if !ok {
			return nil
		}
		return value
	}
	reply, next := c.server.upgrade(conn, r.client, r.target, header, out)
	if next == nil {
		r.refused = true
		return reply
	}
	r.upgraded = true
	conn.Upgrade(next)
	return reply
}

// appendRefusedUpgrade appends a response for people who look why a WebSocket
// fails: pages are told nothing of it.
func appendRefusedUpgrade(out []byte, f shoal.Failure) []byte {
	text := f.Error()
	out = append(out, "HTTP/1.1 400 Bad Request\r\n"+fieldType+fieldLength...)
	out = strconv.AppendUint(out, uint64(len(text)), 10)
	out = append(out, fieldClose+headClose...)
	return append(out, text...)
}
