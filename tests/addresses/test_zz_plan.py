import asyncio, time
from uuid import UUID
from sqlalchemy import text
from crm_saas.kit.db import Database, Scope
from crm_saas.addresses import near
from crm_saas.kit.context import *
from sqlalchemy.dialects import postgresql
from crm_saas.addresses.models import Address
from crm_saas.customers.models import Customer

def test_plan(tenant, shared_settings):
    from factories.customers import create_stub
    c = tenant.client("manager"); ids=[create_stub(c)["id"] for _ in range(5)]
    settings=shared_settings
    async def go():
        p = Database(settings, "crm_platform")
        async with p.transaction(None) as s:
            await s.execute(text("""insert into org_customer_addresses_mst (tenant_org_id,id,customer_id,type,country,latitude,longitude,city,pending_since,verification_status,verified_at)
              select :t, gen_random_uuid(), (:ids)[1+ i%5], 'home','OM', (17+9*random())::numeric(8,6), (52+8*random())::numeric(8,6), 'x', case when i%100=0 then now() end, case when i%100=0 then 'pending' else 'verified' end, case when i%100=0 then null else now() end from generate_series(1,200000) i"""
              .replace("(:ids)", "cast(:ids as uuid[])").replace("cast(:ids as uuid[])[", "(cast(:ids as uuid[]))[")), {"t": tenant.id, "ids": [UUID(i) for i in ids]})
        async with p._engine.connect() as cn:
            pass
        await p.close()
        import psycopg
        with psycopg.connect(settings.owner_url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True) as o: o.execute("analyze org_customer_addresses_mst")
        d = Database(settings)
        class Ctx: pass
        ctx = Ctx(); ctx.tenant = Ctx(); ctx.tenant.id = tenant.id
        async with d.transaction(Scope(tenant.id)) as s:
            ctx.session = s
            for lat, lon, r in ((23.6,58.4,5),(23.6,58.4,100),(23.6,58.4,5000)):
                t=time.perf_counter(); rows = await near.find_near(ctx, latitude=lat, longitude=lon, radius_km=r, limit=20); print(r, len(rows), round(1000*(time.perf_counter()-t)), "ms")
            from crm_saas.addresses.queries import visible, list_waiting
            dist = near.distance_km(23.6,58.4)
            q = visible(ctx, Address.id, dist).where(near.within(near.bounding_box(23.6,58.4,5)), dist<=5).order_by(dist, Address.id).limit(20)
            sql = str(q.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
            for row in await s.execute(text("explain (analyze, buffers off) " + sql.replace(":", "\\:"))): print(row[0][:260])
            q = visible(ctx, Address.id).where(Address.pending_since.is_not(None)).order_by(Address.pending_since, Address.id).limit(51)
            sql = str(q.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
            for row in await s.execute(text("explain (analyze, buffers off) " + sql.replace(":", "\\:"))): print(row[0][:200])
        await d.close()
    asyncio.run(go())
    t=time.perf_counter(); r=c.get("/addresses/verification/statistics"); print(r.text[:300], round(1000*(time.perf_counter()-t)),"ms")
    assert 0
