-- Who may touch the job queue: its worker, and nobody else. Run by the owner after the queue's
-- tables are there, at every migrate; other roles enqueue through enqueue_job() and
-- enqueue_job_for_tenants(). The arguments of every tenant's jobs are in it, so they hold ids.
revoke all on schema jobs from public;
revoke all on all tables in schema jobs from public;
revoke all on all functions in schema jobs from public;

grant usage on schema jobs to crm_worker;
grant select, insert, update, delete on
    jobs.procrastinate_jobs,
    jobs.procrastinate_events,
    jobs.procrastinate_periodic_defers,
    jobs.procrastinate_workers
to crm_worker;
grant usage on all sequences in schema jobs to crm_worker;
grant execute on all functions in schema jobs to crm_worker;
