package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
)

// torrust answers the routes that Torrust Tracker has as it answers them, with
// what is wrong there too, for scripts that look at it: 500 for a bad token, a text
// where others have JSON. It leaves all other routes to ours.
func (s *Server) torrust() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, n need, answer http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if label, ok := s.torrustCaller(w, r, n); ok {
				answer(w, r.WithContext(withActor(r.Context(), label)))
			}
		})
	}
	handle("GET "+base+"/stats", needRead, s.torrustStats)
	handle("GET "+base+"/metrics", needRead, func(w http.ResponseWriter, r *http.Request) { s.o.Metrics.ServeHTTP(w, r) })
	handle("GET "+base+"/torrent/{info_hash}", needRead, s.torrustTorrent)
	handle("GET "+base+"/torrents", needRead, s.torrustTorrents)

	private := s.torrustMode(func(m Modes) bool { return m.Private }, "the tracker is not private: keys do not count")
	handle("POST "+base+"/keys", needAdmin, private(s.torrustAddKey))
	handle("POST "+base+"/key/{key}", needAdmin, private(s.torrustDrawKey))
	handle("DELETE "+base+"/key/{key}", needAdmin, private(s.torrustDeleteKey))
	handle("GET "+base+"/keys/reload", needAdmin, private(s.torrustReload("keys")))

	listed := s.torrustMode(func(m Modes) bool { return m.Listed }, "the tracker is not listed: the whitelist does not count")
	handle("POST "+base+"/whitelist/{info_hash}", needAdmin, listed(s.torrustAllow))
	handle("DELETE "+base+"/whitelist/{info_hash}", needAdmin, listed(s.torrustAllowNoLonger))
	handle("GET "+base+"/whitelist/reload", needAdmin, listed(s.torrustReload("whitelist")))

	mux.HandleFunc("POST "+base+"/whitelist/bulk", s.route) // ours, and no info hash
	mux.HandleFunc("/", s.route)
	return mux
}

// torrustCaller returns the name of the token, or answers a request without a good
// one. An Authorization of another scheme counts before a token in the query, as
// there. Those that guess are slowed here as well.
func (s *Server) torrustCaller(w http.ResponseWriter, r *http.Request, n need) (label string, ok bool) {
	who := s.identify(r.Context())
	switch {
	case who.verdict == slowed, who.verdict == otherSite:
		status, detail := refusal(w.Header(), who, n)
		writeProblem(w, status, detail)
	case who.foreign:
		rejected(w, "unknown token provided")
	case who.verdict == noToken:
		rejected(w, "unauthorized")
	case who.verdict != knownToken || n == needAdmin && !who.admin: // there, every token may do everything
		rejected(w, "token not valid")
	default:
		return who.label, true
	}
	return "", false
}

// torrustMode has routes answer 409 while the mode that they are for is off.
func (s *Server) torrustMode(on func(Modes) bool, reason string) func(http.HandlerFunc) http.HandlerFunc {
	return func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if on(s.o.Modes()) {
				answer(w, r)
				return
			}
			writeJSON(w, http.StatusConflict, "application/json", struct {
				Status string `json:"status"`
				Reason string `json:"reason"`
			}{"err", reason})
		}
	}
}

func (s *Server) torrustReload(what string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.torrustDone(w, r, "failed to reload "+what, s.o.ReloadLists(r.Context()))
	}
}

func (s *Server) torrustAllow(w http.ResponseWriter, r *http.Request) {
	if hash, ok := torrustHash(w, r.PathValue("info_hash")); ok {
		s.torrustDone(w, r, "failed to whitelist torrent", s.o.Changes.AddAllowed(r.Context(), actor(r.Context()), []shoal.InfoHash{hash}))
	}
}

func (s *Server) torrustAllowNoLonger(w http.ResponseWriter, r *http.Request) {
	if hash, ok := torrustHash(w, r.PathValue("info_hash")); ok {
		_, err := s.o.Changes.RemoveAllowed(r.Context(), actor(r.Context()), []shoal.InfoHash{hash})
		s.torrustDone(w, r, "failed to remove torrent from whitelist", err)
	}
}

// torrustHash reads an info hash, of version 1 alone, or answers that it is none.
func torrustHash(w http.ResponseWriter, text string) (shoal.InfoHash, bool) {
	hash, err := shoal.ParseInfoHash(text)
	if err != nil || len(text) != 2*len(hash) {
		writePlain(w, http.StatusBadRequest, `Invalid URL: invalid infohash param: string "`+text+`", expected a 40 character long string`)
		return hash, false
	}
	return hash, true
}

func (s *Server) torrustDone(w http.ResponseWriter, r *http.Request, failure string, err error) {
	if err != nil {
		rejected(w, failure+": "+s.reasonOf(r, err))
		return
	}
	writeJSON(w, http.StatusOK, "application/json", done{statusOK})
}

// reasonOf returns what a caller is told of an error: no more than our own routes
// tell. The log has the rest.
func (s *Server) reasonOf(r *http.Request, err error) string {
	by := actor(r.Context())
	var told huma.StatusError
	if !errors.As(problemOf(err), &told) || told.GetStatus() == http.StatusInternalServerError {
		s.failed(r.Pattern, by, err)
		return inTheLog
	}
	if told.GetStatus() == http.StatusServiceUnavailable {
		s.putOff(r.Pattern, by, err)
	}
	return told.Error()
}

// rejected is how everything fails there that is not the form of a request.
func rejected(w http.ResponseWriter, reason string) {
	writePlain(w, http.StatusInternalServerError, "Unhandled rejection: Err { reason: "+strconv.Quote(reason)+" }")
}

func writePlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // fails where the client is gone
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// Without the newline that an Encoder puts behind it: Torrust Index compares
	// the whole body with "torrent not known".
	if text, err := json.Marshal(body); err == nil {
		_, _ = w.Write(text) // fails where the client is gone
	}
}

func (s *Server) torrustKey(ctx context.Context, key string) (found bool, err error) {
	n, err := s.o.Changes.RemoveKeys(ctx, actor(ctx), []string{key})
	return n > 0, err
}
