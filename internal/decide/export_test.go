package decide

import "context"

// SeeLess is what POST /v1/feeds/feedback does.
func (c *Contents) SeeLess(ctx context.Context, viewer, item string) error {
	return c.seeLess(ctx, viewer, item)
}
