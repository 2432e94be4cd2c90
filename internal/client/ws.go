package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/webtorrent"
)

const (
	// mostMessages is how many messages are read for one answer. Offers of other
	// peers may come before it; a tracker that sends nothing else is given up.
	mostMessages = 1000

	// goodbye is how long a tracker may take to confirm the end of a connection
	// that has served its purpose.
	goodbye = time.Second
)

// announceWS announces without offers: nobody is there to take the answers. The
// tracker drops the peer with the connection, which ends here.
func announceWS(ctx context.Context, u *url.URL, req *shoal.AnnounceRequest) (*Reply, error) {
	s, err := dialWS(ctx, httpClient, u)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	reply, err := s.ask(ctx, webtorrent.AppendAnnounce(nil, req, nil), func(r *webtorrent.Reply) bool {
		return r.Kind == webtorrent.KindAnnounce && r.InfoHash == req.InfoHash
	})
	if err != nil {
		return nil, err
	}
	s.leave(ctx)
	return &Reply{
		Interval: reply.Interval, MinInterval: reply.MinInterval,
		Complete: reply.Complete, Incomplete: reply.Incomplete,
		Warning: reply.Warning, WebTorrent: true,
	}, nil
}

// scrapeWS asks for one piece after the other: an answer does not say which
// question it is of.
func scrapeWS(ctx context.Context, client *http.Client, u *url.URL, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	s, err := dialWS(ctx, client, u)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	counts := make([]shoal.ScrapeCounts, 0, len(hashes))
	for len(counts) < len(hashes) {
		asked := hashes[len(counts):min(len(hashes), len(counts)+webtorrent.MaxScrape)]
		reply, err := s.ask(ctx, webtorrent.AppendScrape(nil, asked), func(r *webtorrent.Reply) bool {
			return r.Kind == webtorrent.KindScrape
		})
		if err != nil {
			return nil, err
		}
		files := make(map[shoal.InfoHash]shoal.ScrapeCounts, len(reply.Files))
		for _, file := range reply.Files {
			files[file.InfoHash] = file.ScrapeCounts
		}
		for _, hash := range asked {
			counts = append(counts, files[hash])
		}
	}
	s.leave(ctx)
	return counts, nil
}

// wsSession is a connection to a WebTorrent tracker.
type wsSession struct {
	ws   *websocket.Conn
	conn net.Conn // below it, only for deadlines
}

// dialWS asks for no compression: answers are small, and what a tracker sends is
// bounded the easier for it.
func dialWS(ctx context.Context, client *http.Client, u *url.URL) (*wsSession, error) {
	s := &wsSession{}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { s.conn = got.Conn },
	})
	ws, res, err := websocket.Dial(traced, u.String(), &websocket.DialOptions{
		HTTPClient:      client,
		HTTPHeader:      http.Header{"User-Agent": {"shoal"}},
		CompressionMode: websocket.CompressionDisabled,
	})
	switch {
	case err == nil:
		ws.SetReadLimit(mostBody)
		s.ws = ws
		return s, nil
	case ctx.Err() != nil:
		return nil, because(ctx, err)
	case res == nil:
		return nil, withoutURL(err)
	case res.StatusCode != http.StatusSwitchingProtocols:
		return nil, notUpgraded(res)
	}
	// Quoted, because it may repeat what the other side sent.
	return nil, fmt.Errorf("answer to the WebSocket upgrade: %q", err.Error())
}

// notUpgraded says what there was instead of a WebSocket. Trackers refuse as
// they refuse announces over HTTP, or with a line of text.
func notUpgraded(res *http.Response) error {
	body, _ := io.ReadAll(res.Body) // the library has read it, up to 1 KiB
	reply, err := httptracker.ParseAnnounceReply(body)
	if err == nil && reply.Failure != "" {
		return fmt.Errorf("no WebSocket: answer has the HTTP status %q: %w", res.Status, &RefusedError{Reason: reply.Failure, RetryIn: reply.RetryIn})
	}
	return &NoWebSocketError{Status: res.Status, Text: string(body[:min(len(body), mostQuoted)])}
}

// NoWebSocketError is an answer over HTTP where a WebSocket was asked for, in
// other words than those of a tracker that refuses an announce.
type NoWebSocketError struct {
	Status string // of HTTP, such as "403 Forbidden"; any bytes, as Text
	Text   string // how the body begins
}

// Error returns both quoted.
func (e *NoWebSocketError) Error() string {
	s := fmt.Sprintf("no WebSocket: answer has the HTTP status %q", e.Status)
	if e.Text != "" {
		s += fmt.Sprintf(" and says %q", e.Text)
	}
	return s
}

// mostQuoted is how much of a web page an error repeats.
const mostQuoted = 200

// ask sends a message and reads until one answers it, or is a refusal: there is
// nothing else on this connection that could be refused.
func (s *wsSession) ask(ctx context.Context, message []byte, answers func(*webtorrent.Reply) bool) (*webtorrent.Reply, error) {
	if err := s.ws.Write(ctx, websocket.MessageText, message); err != nil {
		return nil, fmt.Errorf("asking: %w", because(ctx, err))
	}
	for range mostMessages {
		_, b, err := s.ws.Read(ctx)
		if err != nil {
			return nil, unread(ctx, err)
		}
		var reply webtorrent.Reply
		if err := webtorrent.ParseReply(b, &reply); err != nil {
			return nil, err
		}
		switch {
		case reply.Kind == webtorrent.KindFailure:
			return nil, &RefusedError{Reason: reply.Reason, RetryIn: reply.RetryIn}
		case answers(&reply):
			return &reply, nil
		}
	}
	return nil, fmt.Errorf("no answer in %d messages", mostMessages)
}

// unread says why a message could not be read.
func unread(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			return fmt.Errorf("tracker closed the connection with status %d, reason %q", closed.Code, closed.Reason)
		}
		if errors.Is(err, websocket.ErrMessageTooBig) {
			return fmt.Errorf("answer is longer than %d bytes", mostBody)
		}
	}
	return fmt.Errorf("reading the answer: %w", because(ctx, err))
}

// drop ends the connection if it has not ended. There is nothing to be learnt
// from its error.
func (s *wsSession) drop() { _ = s.ws.CloseNow() }

// leave ends the connection politely. The library waits for five seconds
// whatever the context says, so the time is kept below it.
func (s *wsSession) leave(ctx context.Context) {
	_ = s.conn.SetDeadline(time.Now().Add(goodbye))
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = s.ws.Close(websocket.StatusNormalClosure, "") // the answer is there: no error spoils it
}
