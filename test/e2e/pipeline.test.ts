import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runPipeline } from './scenarios/pipeline.ts';

describeWithPeers(['prometheus', 'promtool', 'alertmanager'], 'the whole chain', () => {
  it('carries a real failure from a probe through Prometheus and Alertmanager back into a durable event', async () => {
    const record = await runPipeline({
      prometheus: 'prometheus',
      alertmanager: 'alertmanager',
      intervalSeconds: 1,
    });
    expect(record.fired).toMatchObject({
      type: 'tocsin.alert.fired',
      data: {
        labels: {
          alertname: 'ServiceDown',
          severity: 'critical',
          service: 'tools',
          team: 'ai',
          group: 'llm',
        },
      },
    });
    expect(record.clusterHealth).toMatchObject({
      overall_status: 'unhealthy',
      services: { tools: { health: { status: 'error', reason: 'connect_refused' } } },
    });
    expect(record.clusterHealth.alerts[0]).toMatch(/^CRITICAL: Tools Server is error - /);
    expect(record.resolved.type).toBe('tocsin.alert.resolved');
    expect(record.down.unhealthy).toBeLessThan(record.down.event);
    expect(record.promtool.complaints).toEqual([]);
    expect(record.alarmingLines).toEqual([]);
  });
});
