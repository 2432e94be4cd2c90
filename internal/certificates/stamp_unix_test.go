//go:build unix

package certificates

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestNoRegularFile: what blocks when it is opened, or never ends, must not
// hold up whoever looks at files.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	cert, key := makeGood(t, "a.example.org")
	for _, path := range []string{fifo, link, "/dev/zero", dir} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := files(t, cert, key)
			var j journal
			s := open(t, c, j.logger())
			os.Remove(c.Cert)
			if err := os.Symlink(path, c.Cert); err != nil {
				t.Fatal(err)
			}
			looked := make(chan struct{})
			go func() {
				defer close(looked)
				s.Reload()
			}()
			select {
			case <-looked:
			case <-time.After(10 * time.Second):
				if end, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
					end.Close()
				}
				t.Fatal("opening the file blocks")
			}
			j.wantLines(t, 1, "level=WARN", "the old one stays", "is not a regular file")
			if got, want := served(t, s, ""), commonNameOf(t, cert); got != want {
				t.Errorf("certificate %s is served, want the old one, %s", got, want)
			}
		})
	}
	c := files(t, cert, key)
	if err := os.Rename(c.Cert, c.Cert+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(c.Cert+".real", c.Cert); err != nil {
		t.Fatal(err)
	}
	open(t, c, new(journal).logger())
}

func TestKeyOpenToAll(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	for _, mode := range []os.FileMode{0o400, 0o600, 0o440, 0o660, 0o644, 0o604, 0o602} {
		t.Run(mode.String(), func(t *testing.T) {
			c := files(t, cert, key)
			c.TicketKeys = filepath.Join(t.TempDir(), "tickets")
			write(t, c.TicketKeys, []byte(keyLine(1)))
			set := func(mode os.FileMode) {
				t.Helper()
				for _, path := range []string{c.Key, c.TicketKeys} {
					if err := os.Chmod(path, mode); err != nil {
						t.Fatal(err)
					}
				}
			}
			set(mode)
			want := 0
			if mode&0o007 != 0 {
				want = 1
			}
			var j journal
			s := open(t, c, j.logger())
			look := func(want int) {
				t.Helper()
				s.look(time.Now(), false)
				s.Reload()
				j.wantLines(t, want, "level=WARN", "private key", "chmod 600", c.Key, "mode=0")
				j.wantLines(t, want, "level=WARN", "session ticket keys", "chmod 600", c.TicketKeys, "mode=0")
				j.wantLines(t, 2*want, "level=WARN")
			}
			look(want)
			set(0o600)
			look(want)
			set(mode) // a change
			look(2 * want)
		})
	}
}
