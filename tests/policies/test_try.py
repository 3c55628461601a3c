import asyncio, time
from crm_saas.doctor import examine
def test_it(settings):
    t=time.time()
    f = asyncio.run(examine(settings))
    for x in f: print(x)
    print(time.time()-t)
    assert all(x.ok for x in f)
