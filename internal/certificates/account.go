package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// storedAccount is an account as it is kept, in one file so that it is there
// whole or not at all.
type storedAccount struct {
	Account acme.Account `json:"account"`
	Key     string       `json:"key"` // PEM
}

// accountKey is where the account is kept: another address is another account.
func (i *issuer) accountKey() string {
	who := i.email
	if who == "" {
		who = "default"
	}
	return path.Join(acmePrefix(i.key), "accounts", certmagic.StorageKeys.Safe(who)+".json")
}

// acmePrefix is where certmagic keeps what belongs to one authority.
func acmePrefix(issuerKey string) string {
	return path.Join("acme", certmagic.StorageKeys.Safe(issuerKey))
}

// account returns the account with the authority, which is made when there is
// none. Its terms are agreed to: the configuration says that naming the names
// does so.
func (i *issuer) account(ctx context.Context) (acme.Account, error) {
	i.registering.Lock()
	defer i.registering.Unlock()
	account, err := i.loadAccount(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	lock := "account_" + i.key // against other nodes
	if err := i.storage.Lock(ctx, lock); err != nil {
		return account, fmt.Errorf("lock the ACME account: %w", err)
	}
	defer func() {
		if err := i.storage.Unlock(context.WithoutCancel(ctx), lock); err != nil {
			i.log.Warn("lock of the ACME account stays for a while", "error", err)
		}
	}()
	if account, err = i.loadAccount(ctx); !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	return i.register(ctx)
}

func (i *issuer) register(ctx context.Context) (acme.Account, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return acme.Account{}, fmt.Errorf("make the key of the ACME account: %w", err)
	}
	account := acme.Account{TermsOfServiceAgreed: true, PrivateKey: key}
	if i.email != "" {
		account.Contact = []string{"mailto:" + i.email}
	}
	if account, err = i.client.NewAccount(ctx, account); err != nil {
		return account, fmt.Errorf("make an ACME account: %w", err)
	}
	text, err := certmagic.PEMEncodePrivateKey(key)
	if err != nil {
		return account, fmt.Errorf("encode the key of the ACME account: %w", err)
	}
	stored, err := json.MarshalIndent(storedAccount{Account: account, Key: string(text)}, "", "\t")
	if err != nil {
		return account, fmt.Errorf("encode the ACME account: %w", err)
	}
	if err := i.storage.Store(ctx, i.accountKey(), stored); err != nil {
		return account, fmt.Errorf("keep the ACME account: %w", err)
	}
	i.log.Info("ACME account is made", "directory", i.directory, "account", account.Location)
	return account, nil
}

func (i *issuer) loadAccount(ctx context.Context) (acme.Account, error) {
	text, err := i.storage.Load(ctx, i.accountKey())
	if err != nil {
		return acme.Account{}, fmt.Errorf("read the ACME account: %w", err)
	}
	var stored storedAccount
	if err := json.Unmarshal(text, &stored); err != nil {
		return acme.Account{}, fmt.Errorf("read the ACME account %s: %w; remove it to have a new one made", i.accountKey(), err)
	}
	if stored.Account.PrivateKey, err = certmagic.PEMDecodePrivateKey([]byte(stored.Key)); err != nil {
		return acme.Account{}, fmt.Errorf("read the key of the ACME account %s: %w; remove it to have a new one made", i.accountKey(), err)
	}
	return stored.Account, nil
}

// forget drops an account that the authority does not know any more.
func (i *issuer) forget(ctx context.Context) error {
	i.registering.Lock()
	defer i.registering.Unlock()
	if err := i.storage.Delete(ctx, i.accountKey()); err != nil {
		return fmt.Errorf("drop an ACME account that the authority does not know: %w", err)
	}
	return nil
}
