//go:build linux

package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// visit is an announce with everything that a private tracker looks at.
type visit struct {
	infoHash, peerID           [20]byte
	port                       uint16
	uploaded, downloaded, left uint64
	event                      string
	key                        string
}

// visitor announces again and again over one connection, as a client does. Each
// announce is sent once.
type visitor struct {
	h       *host
	tracker netip.AddrPort
	udp     bool
	conn    net.Conn
	reader  *bufio.Reader // over HTTP

	connectionID uint64
	connected    time.Time
	transaction  uint32
}

func newVisitor(h *host, tracker netip.AddrPort, udp bool) (*visitor, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
	defer cancel()
	v := &visitor{h: h, tracker: tracker, udp: udp}
	network := "tcp"
	if udp {
		network = "udp"
	}
	var err error
	if v.conn, err = h.dial(ctx, network, tracker.String()); err != nil {
		return nil, err
	}
	v.reader = bufio.NewReader(v.conn)
	return v, nil
}

// announce returns a refusal as the error of its type.
func (v *visitor) announce(q visit) error {
	v.conn.SetDeadline(time.Now().Add(wireTimeout))
	if v.udp {
		return v.announceUDP(q)
	}
	return v.announceHTTP(q)
}

func (v *visitor) announceHTTP(q visit) error {
	path := "/announce"
	if q.key != "" {
		path += "/" + q.key
	}
	target := fmt.Sprintf("%s?info_hash=%s&peer_id=%s&port=%d&uploaded=%d&downloaded=%d&left=%d&event=%s&compact=1",
		path, percent(q.infoHash), percent(q.peerID),
		q.port, q.uploaded, q.downloaded, q.left, q.event)
	if _, err := fmt.Fprintf(v.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, trackerName); err != nil {
		return err
	}
	res, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dict, err := readHTTP(res)
	if err != nil {
		return err
	}
	_, err = readAnnounce(dict)
	return err
}

// percent escapes every byte.
func percent(id [20]byte) (text string) {
	for _, b := range id {
		text += fmt.Sprintf("%%%02x", b)
	}
	return text
}

// events are BEP 15's.
var events = map[string]uint32{"": 0, "completed": 1, "started": 2, "stopped": 3}

func (v *visitor) announceUDP(q visit) error {
	// A client may use a connection ID for a minute.
	if time.Since(v.connected) > 45*time.Second {
		reply, err := v.exchange(0x41727101980, 0, nil)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		if len(reply) != 8 {
			return fmt.Errorf("connection ID of %d bytes", len(reply))
		}
		v.connectionID, v.connected = binary.BigEndian.Uint64(reply), time.Now()
	}
	p := append(q.infoHash[:], q.peerID[:]...)
	p = binary.BigEndian.AppendUint64(p, q.downloaded)
	p = binary.BigEndian.AppendUint64(p, q.left)
	p = binary.BigEndian.AppendUint64(p, q.uploaded)
	p = binary.BigEndian.AppendUint32(p, events[q.event])
	p = append(p, make([]byte, 4+4)...)              // address and key
	p = binary.BigEndian.AppendUint32(p, 0xffffffff) // as many peers as it likes
	p = binary.BigEndian.AppendUint16(p, q.port)
	if q.key != "" {
		p = appendURLData(p, "/announce/"+q.key)
	}
	reply, err := v.exchange(v.connectionID, 1, p)
	if err == nil && len(reply) < 12 {
		err = fmt.Errorf("short announce reply % x", reply)
	}
	return err
}

// appendURLData appends options of BEP 41.
func appendURLData(p []byte, data string) []byte {
	p = append(p, 2, byte(len(data)))
	p = append(p, data...)
	return append(p, 0)
}

// exchange sends a request and returns what stands behind action and
// transaction ID of the answer.
func (v *visitor) exchange(connectionID uint64, action uint32, body []byte) ([]byte, error) {
	v.transaction++
	p := binary.BigEndian.AppendUint64(nil, connectionID)
	p = binary.BigEndian.AppendUint32(p, action)
	p = binary.BigEndian.AppendUint32(p, v.transaction)
	if _, err := v.conn.Write(append(p, body...)); err != nil {
		return nil, err
	}
	reply := make([]byte, 2048)
	n, err := v.conn.Read(reply)
	if err != nil {
		return nil, err
	}
	reply = reply[:n]
	switch {
	case n < 8 || binary.BigEndian.Uint32(reply[4:]) != v.transaction:
		return nil, fmt.Errorf("% x does not answer transaction %d", reply, v.transaction)
	case binary.BigEndian.Uint32(reply) == 3:
		return nil, &refusal{string(reply[8:])}
	case binary.BigEndian.Uint32(reply) != action:
		return nil, fmt.Errorf("action %d was answered with %d", action, binary.BigEndian.Uint32(reply))
	}
	return reply[8:], nil
}
