package resale

import (
	"context"
	"fmt"
)

// SettingInstance is the name of the setting that holds [Service.InstanceKey].
const SettingInstance = "instance"

// InstanceKey returns the key by which a portal proves that it works on this store, made once and kept in it.
func (s *Service) InstanceKey(ctx context.Context) ([]byte, error) {
	var key string
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		key, err = tx.EnsureSetting(ctx, SettingInstance, newToken()+newToken())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep the portal's own key: %w", err)
	}
	return []byte(key), nil
}
