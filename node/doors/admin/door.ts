/** What people and the command line see and change of a node, below /v1. */
import type { Admin } from '../../admin/index.ts'
import type { PinQuota } from '../../tenants/index.ts'
import { type HttpDoor, hiddenErrors, ownErrorForm } from '../http/index.ts'
import { registerAdminRoutes } from './routes-admin.ts'
import { registerTenantRoutes, type TenantCalls } from './routes-tenants.ts'
import { registerViewRoutes, type ViewPorts } from './routes-views.ts'

export interface AdminDoorPorts extends ViewPorts {
  readonly admin: Admin
  readonly tenants: TenantCalls
  readonly pinQuota: Pick<PinQuota, 'during'>
}

export function adminDoor(ports: AdminDoorPorts): HttpDoor {
  return {
    prefix: '/v1',
    errorForm: ownErrorForm,
    register: (scope, hide) => {
      // Errors of the past are told to everybody who may ask for a status.
      scope.addHook('preSerialization', async (_request, _reply, payload) => hiddenErrors(payload, hide))
      registerAdminRoutes(scope, ports)
      registerTenantRoutes(scope, ports.tenants)
      registerViewRoutes(scope, ports)
    },
  }
}
