package certificates

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// A lock is a file. Whoever has it touches it every lockTouched, and one that
// nobody has touched for lockForgotten is of a node that died.
const (
	lockTouched   = 5 * time.Second
	lockForgotten = 3 * lockTouched
	lockPoll      = time.Second
)

// store is certmagic's storage in files, with locks that leave nothing running
// once they are released: those of certmagic sleep on for five seconds.
type store struct {
	*certmagic.FileStorage
	mu   sync.Mutex
	held map[string]func() // by name: releases it
}

var (
	_ certmagic.Storage   = (*store)(nil)
	_ certmagic.TryLocker = (*store)(nil)
)

func newStore(dir string) *store {
	return &store{FileStorage: &certmagic.FileStorage{Path: dir}, held: map[string]func(){}}
}

// Lock waits for the lock of a name.
func (s *store) Lock(ctx context.Context, name string) error {
	for {
		if ok, err := s.TryLock(ctx, name); ok || err != nil {
			return err
		}
		timer := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// TryLock takes the lock of a name if it is free.
func (s *store) TryLock(_ context.Context, name string) (bool, error) {
	path := s.lockFile(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("make the directory of the locks: %w", err)
	}
	for range 2 {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			file.Close()
			s.hold(name, path)
			return true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return false, fmt.Errorf("lock %s: %w", name, err)
		}
		if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < lockForgotten {
			return false, nil
		}
		// Two nodes may come to this at once, and one then removes the fresh lock
		// of the other: a certificate is asked for twice, which does no harm.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("remove the lock of a node that died: %w", err)
		}
	}
	return false, nil
}

// hold keeps a lock fresh until it is released.
func (s *store) hold(name, path string) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(lockTouched)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-ticker.C:
				_ = os.Chtimes(path, now, now) // if it fails, another node takes over
			}
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[name] = func() {
		close(stop)
		<-stopped
	}
}

// Unlock releases the lock of a name.
func (s *store) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	release := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if release == nil {
		return fmt.Errorf("unlock %s: it is not locked", name)
	}
	release()
	return os.Remove(s.lockFile(name))
}

func (s *store) lockFile(name string) string {
	return filepath.Join(s.Path, "locks", certmagic.StorageKeys.Safe(name)+".lock")
}
