package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of data_dir %q: %w; name one that this user may write in", dir, err)
	}
	return nil
}

// loadSecret reads the secret that connection IDs hang on, or draws one and
// keeps it, so that a restart honours what was given out before it.
func loadSecret(dir string) (secret [16]byte, err error) {
	name := filepath.Join(dir, "secret")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		rand.Read(secret[:])
		return secret, keepSecret(name, secret)
	}
	if err != nil {
		return secret, fmt.Errorf("read the secret of the connection IDs: %w", err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != len(secret) {
		return secret, fmt.Errorf("%s must hold 32 hexadecimal digits; remove it to have a new one drawn", name)
	}
	copy(secret[:], b)
	return secret, nil
}

// keepSecret writes the secret whole or not at all, a power cut included.
func keepSecret(name string, secret [16]byte) error {
	err := writeSynced(name+".new", hex.EncodeToString(secret[:])+"\n")
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("keep the secret of the connection IDs: %w; data_dir must be a directory that this user may write in", err)
	}
	return nil
}

func writeSynced(name, text string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}
