// Creates a customer, reads it back and provokes a refusal. Takes CRM and KEY from the environment.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "../generated/schema.js";

const api = new URL(process.env["CRM"] ?? "http://127.0.0.1:8000/api/v1");
const client = createClient<paths>({
  baseUrl: api.origin,
  headers: { Authorization: `Bearer ${process.env["KEY"]}` },
});

const phone = `+96892${String(Date.now()).slice(-6)}`;
const created = await client.POST("/api/v1/customers", {
  body: { type: "stub", name: "Amal Al Balushi", phone },
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
});
assert.equal(created.response.status, 201, JSON.stringify(created.error));
const customer = created.data!;

const read = await client.GET("/api/v1/customers/{customer_id}", {
  params: { path: { customer_id: customer.id } },
});
assert.equal(read.data?.customerNumber, customer.customerNumber);
assert.equal(read.data?.phone, phone);

const refused = await client.POST("/api/v1/customers", {
  body: { type: "stub", name: "Somebody else", phone },
});
assert.equal(refused.error?.status, 409);
assert.match(refused.error?.type ?? "", /phone-taken$/);

console.log(`TypeScript: ${customer.customerNumber} made, read and kept apart.`);
