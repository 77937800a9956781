// SPDX-License-Identifier: Apache-2.0

package client

import "context"

// Pause has all processes of a machine stop until Resume. Only machined-go can.
func (c *Client) Pause(ctx context.Context, name string) error {
	return failed("pause machine", name, c.call(ctx, own(), "Pause", name).Err)
}

// Resume lets the processes of a paused machine go on.
func (c *Client) Resume(ctx context.Context, name string) error {
	return failed("resume machine", name, c.call(ctx, own(), "Resume", name).Err)
}
