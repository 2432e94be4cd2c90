//go:build linux

package e2e

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestListsReload changes files and the database under a tracker that runs, and
// tells it to look.
func TestListsReload(t *testing.T) {
	for _, e := range databaseEngines {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			_, database := storing(t, net, e)
			asker := net.host(t, "asker")
			files := t.TempDir()
			allow, deny := filepath.Join(files, "allow"), filepath.Join(files, "deny")
			put(t, allow, nil)
			put(t, deny, nil)
			s := newShoal(t, net.host(t, "shoal"), fmt.Sprintf(
				"[access]\nprivate = true\nlisted = true\nallow_file = %q\ndeny_file = %q\n\n%s", allow, deny, database), "")
			key, hash := newKeys(1)[0], randomID()
			text := fmt.Sprintf("%x", hash)
			s.start(t)
			visitors := map[string]*visitor{}
			for _, by := range []transport{udp4, http4} {
				v, err := newVisitor(asker, s.listener(by), by.scheme == "udp")
				if err != nil {
					t.Fatal(err)
				}
				defer v.conn.Close()
				visitors[by.name] = v
			}
			told := func(want string) error {
				var errs []error
				for name, v := range visitors {
					err := v.announce(visit{infoHash: hash, peerID: randomID(), port: 6881, left: 1, key: key})
					if reasonOf(err) != want || (err == nil) != (want == "") {
						errs = append(errs, fmt.Errorf("by %s it is told %w, want %q", name, err, want))
					}
				}
				return errors.Join(errs...)
			}
			steps := []struct {
				name   string
				change func()
				want   string
			}{
				{"nothing", func() {}, keyUnknown},
				{"the key is added", func() { s.offline(t, "key", "add", key) }, torrentUnlisted},
				{"the torrent is listed", func() { s.offline(t, "whitelist", "add", text) }, ""},
				{"the torrent is denied", func() { s.offline(t, "deny", "add", text, "--reason", "a notice") }, torrentDenied},
				{"the torrent is denied no more", func() { s.offline(t, "deny", "remove", text) }, ""},
				{"the torrent is listed no more", func() { s.offline(t, "whitelist", "remove", text) }, torrentUnlisted},
				{"the file lists the torrent", func() { put(t, allow, []byte(text+"\n")) }, ""},
				{"the file denies the torrent", func() { put(t, deny, []byte(text+"\n")) }, torrentDenied},
				{"the file denies it no more", func() { put(t, deny, []byte("# "+text+"\n")) }, ""},
				{"the key is removed", func() { s.offline(t, "key", "remove", key) }, keyUnknown},
			}
			last := ""
			for i, step := range steps {
				step.change()
				if i > 0 { // not before it is told to look
					if err := told(last); err != nil {
						t.Errorf("%s, before the signal: %v", step.name, err)
					}
				}
				hangUp(t, s)
				await(t, 30*time.Second, func() error {
					if err := told(step.want); err != nil {
						return fmt.Errorf("%s: %w", step.name, err)
					}
					return nil
				}, s.proc)
				last = step.want
			}
			s.stop(t)
			s.keepsSecret(t, key, databasePassword)
		})
	}
}

// TestBadListFile reads files with an error in them. At the start that is the
// end, later it changes nothing.
func TestBadListFile(t *testing.T) {
	for _, name := range []string{"allow_file", "deny_file"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			asker := net.host(t, "asker")
			file := filepath.Join(t.TempDir(), "list")
			first, second := randomID(), randomID()
			s := newShoal(t, net.host(t, "shoal"), fmt.Sprintf("[access]\nlisted = %t\n%s = %q\n", name == "allow_file", name, file), "")
			good := fmt.Appendf(nil, "# fine\n%x\n", first)
			bad := fmt.Appendf(nil, "# half\n%x\n%x\nnot-a-hash\n", first, second)
			saysWhere := func(text string) error {
				if !containsAll(text, []string{file, "4", "not-a-hash", "40"}) {
					return fmt.Errorf("it does not say what is wrong with line 4 of %s: %s", file, text)
				}
				return nil
			}

			for what, text := range map[string][]byte{"no file": nil, "a bad file": bad} {
				if text != nil {
					put(t, file, text)
				}
				s.proc = s.host.start(t, shoalBinary, "serve", "-c", s.file)
				if code := s.awaitExit(t, time.Minute); code != 1 {
					t.Errorf("%s: Shoal exits with %d, want 1", what, code)
				}
				words := string(s.proc.words())
				if text != nil {
					if err := saysWhere(words); err != nil {
						t.Error(err)
					}
				} else if !strings.Contains(words, file) {
					t.Errorf("%s: it does not say which: %s", what, words)
				}
				t.Logf("%s: %s", what, strings.TrimSpace(words))
				os.Remove(file)
			}

			put(t, file, good)
			s.start(t)
			known := func(infoHash [20]byte) bool {
				_, err := announceUDP(asker, s.listener(udp4), question{infoHash: infoHash, peerID: randomID(), port: 6881, left: 1})
				return (err == nil) == (name == "allow_file")
			}
			if !known(first) || known(second) {
				t.Fatal("the file is not in force")
			}
			put(t, file, bad)
			hangUp(t, s)
			await(t, 30*time.Second, func() error {
				lines := s.logged(t, "ERROR")
				if len(lines) == 0 {
					return errors.New("it does not complain")
				}
				return saysWhere(lines[0].text)
			}, s.proc)
			if !known(first) || known(second) {
				t.Error("a bad file has changed something")
			}
			put(t, file, fmt.Appendf(good, "%X\n", second))
			hangUp(t, s)
			await(t, 30*time.Second, func() error {
				if !known(first) || !known(second) {
					return errors.New("the file is not read again")
				}
				return nil
			}, s.proc)
			for _, line := range s.logged(t, "", name) {
				t.Log(line.text)
			}
			counted := false
			for _, line := range s.logged(t, "INFO", name) {
				counted = counted || line.attrs["torrents"] == 2.0
			}
			if !counted {
				t.Error("it does not say how many torrents the file has")
			}
			s.stop(t)
		})
	}
}

const (
	hashesVariable = "SHOAL_E2E_HASHES" // lines of the file, 1,000,000 if it is not set
	deniedRate     = "4000"             // announces a second meanwhile
	bytesAHash     = 24
)

// deniedHash is one of the file's: an attacker may choose them, so they need not
// be random.
func deniedHash(i uint64) (infoHash [20]byte) {
	binary.BigEndian.PutUint64(infoHash[:], i*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(infoHash[8:], i)
	return infoHash
}

// TestHugeDenyFile reads a very long file again and again under load, and has no
// other test beside it.
func TestHugeDenyFile(t *testing.T) {
	hashes := uint64(1_000_000)
	if text := os.Getenv(hashesVariable); text != "" {
		var err error
		if hashes, err = strconv.ParseUint(text, 10, 32); err != nil {
			t.Fatalf("%s: %v", hashesVariable, err)
		}
	}
	load := filepath.Join(workDir, "shoal-load")
	if err := goBuild("..", load, "./cmd/shoal-load"); err != nil {
		t.Fatal(err)
	}
	net := newNetwork(t)
	asker := net.host(t, "asker")
	file := filepath.Join(t.TempDir(), "deny")
	put(t, file, []byte("# empty\n"))
	s := startShoal(t, net.host(t, "shoal"), fmt.Sprintf("[access]\ndeny_file = %q\n", file))

	// The load without any of it, for comparison and to warm up.
	quiet := startLoad(t, asker, load, s)
	time.Sleep(10 * time.Second)
	t.Logf("before: %v", quiet.end(t))
	before := s.footprint(t)

	writeHashes(t, file, hashes)
	busy := startLoad(t, asker, load, s)
	time.Sleep(2 * time.Second)
	most := before.rss
	reload := func(want uint64) time.Duration {
		t.Helper()
		seen := len(s.logged(t, "INFO", "deny_file"))
		start := time.Now()
		hangUp(t, s)
		var took time.Duration
		await(t, 5*time.Minute, func() error {
			most = max(most, s.footprint(t).rss)
			lines := s.logged(t, "INFO", "deny_file")
			if len(lines) == seen {
				return errors.New("the file is not in force")
			}
			took = time.Since(start)
			if got := lines[len(lines)-1].attrs["torrents"]; got != float64(want) {
				t.Errorf("%v torrents are in force, want %d", got, want)
			}
			t.Log(lines[len(lines)-1].text)
			return nil
		}, s.proc)
		return took
	}
	first := reload(hashes)
	// The second time the old list is there while the new one is read.
	second := reload(hashes)
	time.Sleep(2 * time.Second)
	t.Logf("during: %v", busy.end(t))
	for range 1000 {
		infoHash := deniedHash(mathrand.Uint64N(hashes))
		if _, err := announceUDP(asker, s.listener(udp4), question{infoHash: infoHash, port: 6881, left: 1}); err == nil {
			t.Fatalf("a denied torrent is let in: %x", infoHash)
		}
		infoHash[19] ^= 1
		infoHash[0] ^= byte(mathrand.IntN(256))
		if _, err := announceUDP(asker, s.listener(udp4), question{infoHash: infoHash, port: 6881, left: 1}); err != nil {
			t.Fatalf("another torrent is refused: %x: %v", infoHash, err)
		}
	}
	// What reading needed goes back to the system in time.
	var after footprint
	const slack = 16 << 20
	await(t, 3*time.Minute, func() error {
		after = s.footprint(t)
		if grown := after.rss - before.rss; grown > int64(hashes)*bytesAHash+slack {
			return fmt.Errorf("%d hashes take %d bytes", hashes, grown)
		}
		return nil
	}, s.proc)
	t.Logf("%d hashes were in force %v after the signal, and %v when there were as many before; %v before, %v after, %.1f bytes a hash; %.1f MiB at most",
		hashes, first.Round(time.Millisecond), second.Round(time.Millisecond), before, after,
		float64(after.rss-before.rss)/float64(hashes), float64(most)/(1<<20))

	put(t, file, []byte("# empty\n"))
	reload(0)
	if _, err := announceUDP(asker, s.listener(udp4), question{infoHash: deniedHash(1), port: 6881, left: 1}); err != nil {
		t.Errorf("with an empty file: %v", err)
	}
	s.stop(t)
}

// writeHashes replaces the file in one step, as one should.
func writeHashes(t *testing.T, file string, n uint64) {
	t.Helper()
	f, err := os.Create(file + ".new")
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	line := make([]byte, 41)
	line[40] = '\n'
	for i := range n {
		infoHash := deniedHash(i)
		hex.Encode(line, infoHash[:])
		w.Write(line)
	}
	if err := errors.Join(w.Flush(), f.Close(), os.Rename(file+".new", file)); err != nil {
		t.Fatal(err)
	}
}

// loading is shoal-load at work.
type loading struct{ proc *process }

func startLoad(t *testing.T, asker *host, program string, s *shoal) loading {
	t.Helper()
	return loading{asker.start(t, program, "udp", "--target", s.listener(udp4).String(),
		"--rate", deniedRate, "--duration", "10m", "--peers", "100000", "--torrents", "10000", "--json")}
}

// loadReport is what of shoal-load's report is looked at.
type loadReport struct {
	Responses, Lost, Missed, Wrong, Errors uint64
	Latency                                struct{ P50, P99, P999, Max int64 } `json:"latency_us"`
}

func (r loadReport) String() string {
	return fmt.Sprintf("%d announces answered in %v at the median, 99 of 100 in %v, 999 of 1,000 in %v, the slowest in %v; %d lost",
		r.Responses, micros(r.Latency.P50), micros(r.Latency.P99), micros(r.Latency.P999), micros(r.Latency.Max), r.Lost)
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// end stops the load. Every answer must have been right.
func (l loading) end(t *testing.T) (r loadReport) {
	t.Helper()
	l.proc.cmd.Process.Signal(syscall.SIGINT)
	await(t, 30*time.Second, func() error {
		if !l.proc.ended() {
			return errors.New("shoal-load goes on")
		}
		return nil
	})
	output, err := os.ReadFile(l.proc.log)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.LastIndex(string(output), "\n{")
	if err := json.Unmarshal(output[begin+1:], &r); err != nil {
		t.Fatalf("shoal-load ended with %v and says %q: %v", l.proc.cmd.ProcessState, output, err)
	}
	if r.Responses == 0 || r.Wrong != 0 || r.Errors != 0 || !l.proc.cmd.ProcessState.Success() {
		t.Errorf("shoal-load ended with %v: %+v", l.proc.cmd.ProcessState, r)
	}
	return r
}
